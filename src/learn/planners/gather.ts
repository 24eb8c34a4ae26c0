import type { FlowState, ModuleContext, Plan, Planner } from "../../module.ts";
import type { Random } from "../../random.ts";
import { failedForNow, stepOf } from "../../trajectory.ts";
import { referred } from "./references.ts";

/** How an exercise in reading is made. */
export interface Gathering {
  /** What brings what a question needs, in an order that works: `product q1`, `supplier @1.supplier`. */
  readonly fetches: readonly string[];
  /** Some other valid call. */
  readonly other: (state: FlowState, context: ModuleContext) => Plan | Promise<Plan>;
  /** What follows once all is there; `written` gives an action its references to entries of this exercise. */
  readonly last: (
    state: FlowState,
    context: ModuleContext,
    written: (action: string) => string,
  ) => Plan | Promise<Plan>;
  readonly draws: Random;
  /** Of other calls. @default now and then many, so that what is read has high numbers */
  readonly others?: ((draws: Random) => number) | undefined;
}

/**
 * Makes the calls that bring what a question needs, each once what it refers to is there, in a random order with some other
 * valid calls in between, and then what follows.
 */
export const gatherThen = ({ fetches, other, last, draws, others = severalOthers }: Gathering): Planner => {
  /** Entry of memory (from 1) that each fetched step became. */
  const entryOf = new Map<number, number>();
  let left = others(draws);
  const written = (action: string): string =>
    action.replace(/@(\d+)/g, (_, entry: string) => `@${entryOf.get(Number(entry) - 1)}`);
  return async (state, context) => {
    for (const [step, entry] of entryOf) {
      const made = state.memory[entry - 1];
      if (made !== undefined && failedForNow(made.observation)) entryOf.delete(step);
    }
    const open = fetches
      .map((_, step) => step)
      .filter((step) => !entryOf.has(step) && referred(fetches[step] ?? "").every((entry) => entryOf.has(entry - 1)));
    if (open.length === 0) return last(state, context, written);
    const step = open[draws.below(open.length + left)];
    if (step !== undefined) {
      entryOf.set(step, state.turn);
      return { step: stepOf(written(fetches[step] ?? "")) };
    }
    left -= 1;
    const plan = await other(state, context);
    // By chance it may be what the question needs.
    const needed = open.find((one) => written(fetches[one] ?? "") === `${plan.step.tool} ${plan.step.subGoal}`);
    if (needed !== undefined) entryOf.set(needed, state.turn);
    return plan;
  };
};

const severalOthers = (draws: Random): number => (draws.next() < 0.75 ? draws.below(4) : 4 + draws.below(5));
