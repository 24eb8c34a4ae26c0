import type { Environment, EnvironmentTask } from "../environment.ts";
import { createFlow } from "../flow/flow.ts";
import type { StopCondition } from "../flow/stop-condition.ts";
import { randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import type { Toolset } from "../tool.ts";
import { type MemoryEntry, stepOf, type Trajectory } from "../trajectory.ts";

/** Where rollouts of training tasks may begin: a hard task is learnt from its end. */
export interface Beginnings {
  /** Turns of the route that is known to a task; 0 where there is none. */
  turnsOf(task: EnvironmentTask): number;
  /** The turns that were taken before the rollouts of a task begin. */
  begun(task: EnvironmentTask): Pick<Trajectory, "memory" | "turns"> | undefined;
}

export const noBeginnings: Beginnings = { turnsOf: () => 0, begun: () => undefined };

export interface BeginningsOptions {
  readonly environment: Pick<Environment, "flow" | "reward" | "routes">;
  readonly tools: Toolset;
  readonly seed: number;
  readonly abortSignal: AbortSignal;
}

/** Makes the calls of each route once, and keeps those that still come to an answer that earns the whole reward. */
export const openBeginnings = async (options: BeginningsOptions): Promise<Beginnings> => {
  const { environment, tools, seed, abortSignal } = options;
  const known = new Map<string, readonly MemoryEntry[]>();
  for (const [i, { task, plan }] of (environment.routes ?? []).entries()) {
    abortSignal.throwIfAborted();
    const isDone: StopCondition = ({ memory }) => (memory.length >= plan.length ? "turn-limit" : undefined);
    const flow = createFlow({
      ...environment.flow,
      planner: ({ turn }) => ({ step: stepOf(plan[turn - 1] ?? "") }),
      loopDetectors: [isDone],
      tools,
    });
    const id = `route-${i}`;
    const { trajectory } = await flow.solve(queryOf(task), { id, randomKey: randomKey(seed, id), abortSignal });
    const isWhole = trajectory.memory.length === plan.length;
    if (isWhole && (await environment.reward(task, trajectory.answer)) === 1) known.set(task.id, trajectory.memory);
  }
  return {
    turnsOf: ({ id }) => known.get(id)?.length ?? 0,
    begun: ({ id, sealed: { begun = 0 } }) =>
      begun === 0 ? undefined : { memory: known.get(id)?.slice(0, begun) ?? [], turns: [] },
  };
};
