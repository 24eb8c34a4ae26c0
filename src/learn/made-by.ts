import type { Trajectory } from "../trajectory.ts";

/**
 * Which workers made trajectories, by their ids: `{ workers: { <worker>: [<id>, …] } }`, nothing where none did. It is chance,
 * as wall time is, and stands beside that: in `timings.jsonl`, and in no row that is compared.
 */
export const madeBy = (
  trajectories: Iterable<Pick<Trajectory, "id" | "worker">>,
): { readonly workers?: Readonly<Record<string, readonly string[]>> } => {
  const workers: Record<string, string[]> = {};
  for (const { id, worker } of trajectories) {
    if (worker === undefined) continue;
    workers[worker] ??= [];
    workers[worker].push(id);
  }
  return Object.keys(workers).length === 0 ? {} : { workers };
};

/** A trajectory as it is kept: whoever made it, the same. */
export const withoutWorker = ({ worker: _, ...trajectory }: Trajectory): Trajectory => trajectory;
