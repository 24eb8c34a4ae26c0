import type { Experience } from "../experience.ts";
import type { Planner } from "../module.ts";
import { callback } from "../options.ts";
import { stepOf } from "../trajectory.ts";
import { holding } from "./model/holding.ts";

/**
 * A planner that does again what solved the most similar earlier task, and asks `planner` as soon as that does not go as it
 * went then. References such as `q1` and `@2.date` make a plan fit another question. For planners whose prompt has no place
 * for experience, such as the built-in one.
 *
 * @example
 * ```ts
 * import { modelPlanner, createFlow, experiencedPlanner } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, planner: experiencedPlanner(modelPlanner(model)), tools: {} });
 * ```
 */
export const experiencedPlanner = (planner: Planner): Planner => {
  callback(planner, "experiencedPlanner: the planner");
  const plan: Planner = (state, context) => {
    const { experience = [], memory, turn } = state;
    const known = experience.find(({ reward }) => reward === undefined || reward === 1);
    const actions = known === undefined ? [] : actionsOf(known);
    const onCourse = memory.every(({ step, observation }, i) => observation.status === "ok" && step.raw === actions[i]);
    const next = onCourse ? actions[turn - 1] : undefined;
    return next === undefined ? planner(state, context) : { step: stepOf(next) };
  };
  return holding(planner, planner.release === undefined ? plan : Object.assign(plan, { release: planner.release }));
};

/** What was done, without what failed: places of memory that later actions refer to are kept only where nothing failed. */
const actionsOf = ({ plan }: Experience): string[] =>
  plan.some(({ failed }) => failed) ? [] : plan.map(({ tool, subGoal }) => `${tool} ${subGoal}`);
