import type { Policy } from "../engine.ts";
import type { Environment, EnvironmentSealed, EnvironmentSource, EnvironmentTask, SetName } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import type { FlowState, ModuleContext, Plan, Planner } from "../module.ts";
import { deriveKey, type Random, random } from "../random.ts";
import { type Toolset, tool } from "../tool.ts";
import { stepOf } from "../trajectory.ts";
import { tabularPolicy } from "./tabular-policy.ts";
import { wordTokenizer } from "./word-tokenizer.ts";

const leverOf = { red: "left", green: "right", blue: "up" } as const;
type Colour = keyof typeof leverOf;
const levers = Object.values(leverOf);
const actions = ["press", "look"];
const words = ["which", "lever", "opens", ...Object.keys(leverOf), ...actions, ...levers, "@1", "value", "seen"];

/** Colours that are trained; blue is the family that is held out. */
const trained: readonly Colour[] = ["red", "green"];
const sizes: Readonly<Record<SetName, number>> = { heldOutPages: 4, heldOutFamily: 2, heldOutParaphrase: 0, deep: 0 };

/** Parts of the environment that a test may choose. */
export type LeverEnvironmentOptions = Partial<Omit<Environment, "train" | "evaluation">> & {
  /** Told of each opening, with its seed. */
  readonly onOpen?: (seed: number) => void;
};

/**
 * An environment without data files: each door has a colour, and only the reward tells which lever opens which colour.
 * `press` ends the flow with its lever as the answer, `look` costs one of two turns. Its random planner presses the right
 * lever as often as `reading` says, its fixed orders always take the left one, and its oracle knows them all.
 *
 * @example
 * ```ts
 * import { leverEnvironment } from "agentflow/testing";
 *
 * const { families, question } = await leverEnvironment().open({ seed: 7 });
 * console.log(families, question);
 * ```
 */
export const leverEnvironment = ({ onOpen, ...changes }: LeverEnvironmentOptions = {}): EnvironmentSource => ({
  name: changes.name ?? "levers",
  open: async ({ seed }) => {
    onOpen?.(seed);
    return { ...doors(), ...changes };
  },
});

const doors = (): Environment => ({
  name: "levers",
  hash: "levers-1",
  record: { tasks: "levers-1" },
  titles: {
    heldOutPages: "unseen doors",
    heldOutFamily: "unseen colour",
    heldOutParaphrase: "unseen wording",
    deep: "deeper plans",
  },
  families: trained,
  findings: [],
  train: (family, index) => taskOf(family, `train/${family}/${index}`, "trained"),
  evaluation: (split, asked = {}) => {
    const draw = (set: SetName, colours: readonly string[], role: EnvironmentSealed["role"]): EnvironmentTask[] =>
      Array.from({ length: sizes[set] === 0 ? 0 : (asked[set] ?? sizes[set]) }, (_, i) =>
        taskOf(colours[i % colours.length] ?? "", `${split}/${set}/${i}`, role),
      );
    return {
      heldOutPages: draw("heldOutPages", trained, "trained"),
      heldOutFamily: draw("heldOutFamily", ["blue"], "heldOut"),
      heldOutParaphrase: [],
      deep: [],
    };
  },
  reward: ({ sealed }, answer) => (sealed.answer === answer ? 1 : 0),
  tools: () => leverTools,
  flow: {},
  randomValid: (reading, find) => (state, context) => {
    const draws = drawsOf(state, context);
    const known = draws.next() < reading ? find(state.query.id)?.sealed.answer : undefined;
    return plan(known === undefined ? `${draws.pick(actions)} ${draws.pick(levers)}` : `press ${known}`);
  },
  isCalculator: (name) => name === "press",
  exercise: ({ sealed }) => exerciseFor(sealed.answer),
  fixedOrder: {
    tools: actions,
    starts: [["look", "press"], ["look"]],
    planner: (order) => (state) => plan(`${order[state.turn - 1] ?? order.at(-1)} left`),
  },
  oracle: (find) => (state) => plan(`press ${find(state.query.id)?.sealed.answer}`),
  question: "which lever opens red",
});

const isColour = (family: string): family is Colour => Object.hasOwn(leverOf, family);

const taskOf = (family: string, id: string, role: EnvironmentSealed["role"]): EnvironmentTask => {
  if (!isColour(family)) throw new ConfigError(`There is no door of the colour ${family}.`);
  return {
    id,
    question: `which lever opens ${family}`,
    turnLimit: 2,
    sealed: { family, role, answer: leverOf[family] },
  };
};

const plan = (action: string): Plan => ({ step: stepOf(action) });
const drawsOf = ({ turn }: FlowState, { randomKey }: ModuleContext): Random =>
  random(deriveKey(randomKey, "lever", turn));

/** Looks at some lever, and then presses the right one. */
const exerciseFor =
  (answer: string): Planner =>
  (state, context) =>
    plan(state.turn === 1 ? `look ${drawsOf(state, context).pick(levers)}` : `press ${answer}`);

const inputSchema = { type: "object", properties: { lever: { type: "string" } }, required: ["lever"] };

/** The tools `press`, which states a value, and `look`, which does not. */
export const leverTools: Toolset = {
  press: tool<{ lever: string }>({
    description: "Presses a lever.",
    inputSchema,
    execute: ({ lever }) => ({ text: lever, fields: { value: { kind: "text", value: lever } } }),
  }),
  look: tool<{ lever: string }>({
    description: "Looks at a lever.",
    inputSchema,
    execute: ({ lever }) => ({ text: lever, fields: { seen: { kind: "text", value: lever } } }),
  }),
};

/**
 * A policy that knows the language of `leverEnvironment` and nothing else: any tool, any lever, then the end. `lean` is by
 * how much it prefers each one to the next.
 *
 * @example
 * ```ts
 * import { createFlow, modelPlanner } from "agentflow";
 * import { leverPolicy, leverTools } from "agentflow/testing";
 *
 * const flow = createFlow({ planner: modelPlanner(leverPolicy()), tools: leverTools });
 * console.log((await flow.solve("which lever opens red")).status);
 * ```
 */
export const leverPolicy = (name = "planner", lean = 0): Policy => {
  const tokenizer = wordTokenizer(["<answer>", ...words, "[2]", "[1]", "[0]"]);
  const only = (allowed: readonly string[]): number[] =>
    Array.from({ length: tokenizer.vocabularySize }, (_, id) => {
      const place = allowed.findIndex((token) => tokenizer.idOf(token) === id);
      return place < 0 ? -12 : -lean * place;
    });
  const [toolLogits, leverLogits, endLogits] = [only(actions), only(levers), only(["<end>"])];
  const lineBreak = tokenizer.idOf("\n") ?? -1;
  return tabularPolicy({
    name,
    tokenizer,
    initial: (prefix) => [toolLogits, leverLogits][prefix.length - 1 - prefix.lastIndexOf(lineBreak)] ?? endLogits,
  });
};
