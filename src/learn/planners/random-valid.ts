import type { FlowState, ModuleContext, Plan } from "../../module.ts";
import { deriveKey, type Random, random } from "../../random.ts";
import { computes, metadataOf } from "../../tool.ts";
import { stepOf } from "../../trajectory.ts";
import { calculations, type Known, knownFields, operations, readable, searchable, wordOf } from "./candidates.ts";

/**
 * How often a calculation of the scripted planner that models imitate is the one that the question asks. Where to look, in
 * which order, and when to stop stays random.
 */
export const READING = 0.9;

/** A planner that answers at once. */
export type ReadyPlanner = (state: FlowState, context: ModuleContext) => Plan;

/** What a question asks to be computed: the operation, and the field wanted of each of its entities, in order. */
export interface AskedCalculation {
  readonly operation: string;
  /** Names of fields; a comparison may name a number or date of the question instead, as `q2`. */
  readonly fields: readonly string[];
}

export interface RandomValidOptions {
  /** How often a calculation whose operands can be in memory is the one that the question asks. @default 0 */
  readonly reading?: number;
  /** By query id, one after the other. Only calculations look at it: where to look and in which order stays random. */
  readonly askedOf?: (queryId: string) => readonly AskedCalculation[];
  /** What is computed. @default everything but comparisons */
  readonly operations?: readonly string[];
  /** Sub-goals of a tool that computes nothing, those that were not made yet. @default by what its metadata says it takes */
  readonly callsOf?: (tool: string, state: FlowState) => readonly string[];
}

/** The asked calculation with operands drawn among the entries that have its fields; undefined when there are none. */
const readQuestion = (
  state: FlowState,
  { operation, fields: names }: AskedCalculation,
  fields: readonly Known[],
  draws: Random,
): string | undefined => {
  const taken: Pick<Known, "reference" | "entry">[] = [];
  for (const name of names) {
    if (/^q\d+$/u.test(name)) {
      taken.push({ reference: name, entry: 0 });
      continue;
    }
    const found = fields.filter((known) => known.name === name && !taken.some(({ entry }) => entry === known.entry));
    if (found.length === 0) return undefined;
    taken.push(draws.pick(found));
  }
  // Only different fields say which operand comes first; equal ones are written in the order of memory.
  if (new Set(names).size === 1) taken.sort((a, b) => a.entry - b.entry);
  const subGoal = [wordOf(operation), ...taken.map(({ reference }) => reference)].join(" ");
  return state.memory.some(({ step }) => step.subGoal === subGoal) ? undefined : subGoal;
};

const firstOf = <From, To>(list: readonly From[], find: (one: From) => To | undefined): To | undefined => {
  for (const one of list) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
};

const everyOperation = Object.keys(operations);

/**
 * A planner that knows what a valid call is and nothing else: uniform over the tools that have a call not yet made,
 * then over such calls (for calculations: over operations first). By itself it knows what tools say in their metadata.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { randomValidPlanner } from "agentflow/learn";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, planner: randomValidPlanner(), tools: {} });
 * ```
 */
export const randomValidPlanner = ({
  reading = 0,
  askedOf = () => [],
  operations = everyOperation,
  callsOf,
}: RandomValidOptions = {}): ReadyPlanner => {
  const draw = (state: FlowState, draws: Random): string => {
    const fields = knownFields(state);
    const choices = new Map<string, () => string>();
    for (const tool of Object.keys(state.tools)) {
      if (computes(state.tools, tool)) {
        const open = operations
          .map((operation) => calculations(state, operation, fields))
          .filter((subGoals) => subGoals.length > 0);
        const asked = askedOf(state.query.id);
        if (open.length > 0)
          choices.set(tool, () => {
            const read =
              draws.next() < reading ? firstOf(asked, (one) => readQuestion(state, one, fields, draws)) : undefined;
            return read ?? draws.pick(draws.pick(open));
          });
      } else if (callsOf !== undefined) {
        const open = callsOf(tool, state);
        if (open.length > 0) choices.set(tool, () => draws.pick(open));
      } else if (metadataOf(state.tools, tool)?.takes === "question") {
        if (!state.memory.some(({ step }) => step.tool === tool)) choices.set(tool, () => "q");
      } else {
        const { takes } = metadataOf(state.tools, tool) ?? {};
        const open = takes === "address" ? readable(state, tool, fields) : searchable(state, tool, fields);
        if (open.length > 0) choices.set(tool, () => draws.pick(open));
      }
    }
    if (choices.size === 0) return `${(callsOf && Object.keys(state.tools)[0]) ?? "web_search"} q1`;
    const [tool, argument] = draws.pick([...choices]);
    return `${tool} ${argument()}`;
  };
  return (state, { randomKey }) => ({
    step: stepOf(draw(state, random(deriveKey(randomKey, "random-valid", state.turn)))),
  });
};
