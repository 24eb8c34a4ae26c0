import type { FlowState, Planner } from "../../module.ts";
import { deriveKey, type Random, random } from "../../random.ts";
import { type Step, stepOf } from "../../trajectory.ts";
import { FIELD } from "./references.ts";

const ENTRY = /@\d+/gu;

/**
 * A planner that makes a mistake in a share of its turns: it repeats an action, refers to another entry or to a field that
 * an entry does not have, or forgets what the tool is to be called with. Whoever imitates what it does right in between
 * learns to continue after a mistake.
 */
export const stumbling = (planner: Planner, share: number): Planner =>
  share === 0
    ? planner
    : async (state, context) => {
        const plan = await planner(state, context);
        const draws = random(deriveKey(context.randomKey, "stumbling", state.turn));
        return draws.next() < share ? { step: mistaken(plan.step, state, draws) } : plan;
      };

const mistaken = ({ tool, raw }: Step, { memory }: FlowState, draws: Random): Step => {
  const drawn = draws.next();
  const earlier = memory.length === 0 ? undefined : draws.pick(memory);
  if (drawn < 0.3 && earlier !== undefined) return stepOf(earlier.step.raw);
  const fields = memory.flatMap(({ observation }) =>
    observation.status === "ok" ? Object.keys(observation.fields) : [],
  );
  if (drawn < 0.6) return stepOf(raw.replace(ENTRY, () => `@${1 + draws.below(memory.length + 1)}`));
  if (drawn < 0.9 && fields.length > 0) return stepOf(raw.replace(FIELD, () => draws.pick(fields)));
  return stepOf(drawn < 0.95 ? tool : `${tool} @${memory.length + 1}`);
};
