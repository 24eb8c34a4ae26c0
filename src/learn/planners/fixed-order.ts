import type { FlowState, Planner } from "../../module.ts";
import { computes, metadataOf } from "../../tool.ts";
import { stepOf } from "../../trajectory.ts";
import { type Known, knownFields, operations, readable, searchable } from "./candidates.ts";
import type { AskedCalculation } from "./random-valid.ts";

/** What the rules that fill arguments know of a question. */
export interface FixedOrderHint extends AskedCalculation {
  /** Fields that lead on from page to page, in order. */
  readonly follow: readonly string[];
}

const fill = (tool: string, state: FlowState, fields: readonly Known[], hint: FixedOrderHint): string => {
  const takes = metadataOf(state.tools, tool)?.takes;
  if (takes === "address") return readable(state, tool, fields)[0] ?? "q1";
  if (takes === "question") return "q";
  if (!computes(state.tools, tool)) {
    const open = searchable(state, tool, fields);
    const named = open.filter((reference) => !reference.startsWith("@"));
    const leads = hint.follow.flatMap((field) => open.filter((reference) => reference.endsWith(`.${field}`)));
    return named[0] ?? leads[0] ?? open[0] ?? "q1";
  }
  const taken: Known[] = [];
  for (const name of hint.fields) {
    const fits = operations[hint.operation]?.fits ?? (() => true);
    const fitting = fields.filter((known) => fits(known.field) && !known.answers);
    const asked = fitting.filter((known) => known.name === name);
    const next = asked.find(({ entry }) => !taken.some((one) => one.entry === entry)) ?? asked[0] ?? fitting[0];
    if (next !== undefined) taken.push(next);
  }
  return [hint.operation, ...taken.map(({ reference }) => reference)].join(" ");
};

/**
 * A planner that calls tools in a fixed order, whatever the question. Arguments are filled by rules: the next entity
 * or lead that was not looked up, the first hit that was not read, the asked calculation on what is there.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { fixedOrderPlanner } from "agentflow/learn";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const hint = { operation: "value", fields: ["population"], follow: [] };
 * const planner = fixedOrderPlanner(["search", "calculate"], () => hint);
 * const flow = createFlow({ model, planner, tools: {} });
 * ```
 */
export const fixedOrderPlanner = (order: readonly string[], hintOf: (queryId: string) => FixedOrderHint): Planner => {
  return (state) => {
    const tool = order[state.turn - 1] ?? order.at(-1) ?? "";
    return { step: stepOf(`${tool} ${fill(tool, state, knownFields(state), hintOf(state.query.id))}`) };
  };
};

/**
 * Climbs to the best order: from each of the starts, any change of one place, insertion or removal that scores more
 * is kept, until none does. `score` is the accuracy of an order on training tasks.
 *
 * @example
 * ```ts
 * import { searchBestFixedOrder } from "agentflow/learn";
 *
 * const score = async (order: readonly string[]): Promise<number> => (order[0] === "search" ? 1 : 0);
 * const { order } = await searchBestFixedOrder(["search", "calculate"], [["search"]], score);
 * ```
 */
export const searchBestFixedOrder = async (
  tools: readonly string[],
  starts: readonly (readonly string[])[],
  score: (order: readonly string[]) => Promise<number>,
  longest = 10,
): Promise<{ readonly order: readonly string[]; readonly score: number }> => {
  const known = new Map<string, number>();
  const scoreOf = async (order: readonly string[]): Promise<number> => {
    const key = order.join(" ");
    const found = known.get(key) ?? (await score(order));
    known.set(key, found);
    return found;
  };
  let best: { readonly order: readonly string[]; readonly score: number } = { order: [], score: -1 };
  for (const start of starts) {
    let here = { order: start, score: await scoreOf(start) };
    for (let moved = true; moved; ) {
      moved = false;
      for (const order of neighbours(here.order, tools, longest)) {
        const value = await scoreOf(order);
        if (value > here.score) {
          here = { order, score: value };
          moved = true;
        }
      }
    }
    if (here.score > best.score) best = here;
  }
  return best;
};

const neighbours = (order: readonly string[], tools: readonly string[], longest: number): (readonly string[])[] => {
  const places = order.map((_, i) => i);
  const changed = places.flatMap((i) => tools.filter((tool) => tool !== order[i]).map((tool) => order.with(i, tool)));
  const removed = order.length > 1 ? places.map((i) => order.toSpliced(i, 1)) : [];
  const inserted = [...places, order.length].flatMap((i) => tools.map((tool) => order.toSpliced(i, 0, tool)));
  return [...changed, ...removed, ...(order.length < longest ? inserted : [])];
};
