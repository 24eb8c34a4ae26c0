import type { EnvironmentTask } from "../environment.ts";
import type { MemoryEntry, Trajectory } from "../trajectory.ts";
import { type WalkOptions, walkRoutes } from "./routes.ts";

/** Where rollouts of training tasks may begin: a hard task is learnt from its end. */
export interface Beginnings {
  /** Turns of the route that is known to a task; 0 where there is none. */
  turnsOf(task: EnvironmentTask): number;
  /** The turns that were taken before the rollouts of a task begin. */
  begun(task: EnvironmentTask): Pick<Trajectory, "memory" | "turns"> | undefined;
}

export const noBeginnings: Beginnings = { turnsOf: () => 0, begun: () => undefined };

/** Beginnings along the known routes that still come to an answer. */
export const openBeginnings = async (options: WalkOptions): Promise<Beginnings> => {
  const walked = await walkRoutes(options);
  const known = new Map<string, readonly MemoryEntry[]>(
    walked.map(({ task, trajectory }) => [task.id, trajectory.memory]),
  );
  return {
    turnsOf: ({ id }) => known.get(id)?.length ?? 0,
    begun: ({ id, sealed: { begun = 0 } }) =>
      begun === 0 ? undefined : { memory: known.get(id)?.slice(0, begun) ?? [], turns: [] },
  };
};
