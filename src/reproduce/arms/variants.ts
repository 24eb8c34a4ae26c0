import { fieldText } from "../../flow/field-text.ts";
import type { FlowOptions } from "../../flow/flow.ts";
import { statedValue } from "../../flow/observation.ts";
import type { Analyst, Generator, Planner, Verifier } from "../../module.ts";
import type { MemoryEntry } from "../../trajectory.ts";

/** Lets every call through and never stops: a solve ends at its turns, or where the loop detectors end it. */
const noVerifier: Verifier = {
  admit: () => undefined,
  judge: () => ({ decision: "continue", reason: "Nobody judges." }),
};

/** Names nothing and asks for no unit. */
const noAnalysis: Analyst = ({ question }) => ({ entities: [], template: question });

/** The last result as the answer: its value, where it states one, else its text. */
const lastResult: Generator = ({ memory }) => {
  const observation = memory.at(-1)?.observation;
  if (observation?.status !== "ok") return undefined;
  const value = statedValue(observation);
  return value === undefined ? observation.text : fieldText(value);
};

const withoutResult = (entry: MemoryEntry): MemoryEntry => ({
  ...entry,
  observation: { status: "ok", text: "", fields: {} },
});

/** The planner sees which calls it made, and not what came of them; references still reach the results. */
const blind = (planner: Planner): Planner =>
  Object.assign<Planner, Pick<Planner, "release">>(
    (state, context) => planner({ ...state, memory: state.memory.map(withoutResult) }, context),
    planner.release === undefined ? {} : { release: planner.release },
  );

/** Flows that lack one of their parts. */
export const variants = {
  "no verifier": (flow) => ({ ...flow, verifier: noVerifier }),
  "no memory": (flow) => ({ ...flow, ...(flow.planner !== undefined && { planner: blind(flow.planner) }) }),
  "no analysis": (flow) => ({ ...flow, analyst: noAnalysis }),
  "no generator": (flow) => ({ ...flow, generator: lastResult }),
} as const satisfies Readonly<Record<string, (flow: FlowOptions) => FlowOptions>>;

export type VariantName = keyof typeof variants;
