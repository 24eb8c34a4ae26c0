/** What the planner imitates before it learns: random plans that are valid, with no preference for what leads to an answer. */
import { deriveKey, type FlowState, type Planner, type Random, random, resolve } from "agentflow";

import { type Kind, world } from "./world.ts";

const LOOK_UPS: readonly Kind[] = ["ferry", "captain", "island"];

interface Known {
  readonly reference: string;
  readonly name: string;
  readonly unit: string | undefined;
  readonly entry: number;
}

const known = ({ memory }: FlowState): readonly Known[] =>
  memory.flatMap(({ index, observation }) =>
    observation.status !== "ok"
      ? []
      : Object.entries(observation.fields)
          .filter(([name]) => name !== "value")
          .map(([name, { unit }]) => ({ reference: `@${index}.${name}`, name, unit, entry: index })),
  );

/** Calls of each tool that come to something and were not made yet. */
const callsOf = (state: FlowState): ReadonlyMap<string, readonly string[]> => {
  const fields = known(state);
  const numbers = fields.filter(({ unit }) => unit !== undefined);
  const names = [
    ...state.analysis.entities.map((_, i) => `q${i + 1}`),
    ...fields.filter(({ unit }) => unit === undefined).map(({ reference }) => reference),
  ];
  const textOf = (reference: string): string => String(resolve(reference, state)?.value);
  const seen = new Set(state.memory.map(({ call }) => JSON.stringify(call)));
  const lookUps = LOOK_UPS.map((tool): [string, string[]] => [
    tool,
    names
      .filter(
        (reference) =>
          world[tool].has(textOf(reference)) && !seen.has(JSON.stringify({ tool, input: { name: textOf(reference) } })),
      )
      .map((reference) => `${tool} ${reference}`),
  ]);
  const made = new Set(state.memory.map(({ step }) => step.raw.trim()));
  const pairs = numbers.flatMap((a) =>
    numbers.filter((b) => b.unit === a.unit && b.entry > a.entry).map((b) => `compare ${a.reference} ${b.reference}`),
  );
  const calls: [string, string[]][] = [
    ...lookUps,
    ["compare", pairs],
    ["report", numbers.map(({ reference }) => `report ${reference}`)],
  ];
  return new Map(
    calls
      .map(([tool, all]) => [tool, all.filter((call) => !made.has(call))] as const)
      .filter(([, open]) => open.length > 0),
  );
};

/** Draws a tool among those that have a call, then one of its calls. */
export const randomPlanner: Planner = (state, { randomKey }) => {
  const draws: Random = random(deriveKey(randomKey, "random plan", state.turn));
  const action = draws.pick(draws.pick([...callsOf(state).values()]));
  const [tool = "", ...terms] = action.split(" ");
  return { step: { tool, subGoal: terms.join(" "), raw: action } };
};
