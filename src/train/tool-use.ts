import type { MemoryEntry, Trajectory } from "../trajectory.ts";

/** How trajectories used their turns. Shares and rates are of turns, means of trajectories. */
export interface ToolUse {
  readonly averageTurns: number;
  /** Tool → share of all turns, in alphabetical order. What was no plan is `(malformed)`, no tool `(unknown)`. */
  readonly toolShares: Readonly<Record<string, number>>;
  /** (refused + failed) / turns. */
  readonly toolErrorRate: number;
}

/** A sequence of tools and how many trajectories took it. */
export interface ToolOrder {
  readonly tools: readonly string[];
  readonly count: number;
}

/**
 * Counts the turns of trajectories. All is 0 of nothing.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { toolUse } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const { trajectory } = await createFlow({ model, tools: {} }).solve("What is the capital of Ghana?");
 * const { averageTurns, toolErrorRate } = toolUse([trajectory]);
 * ```
 */
export const toolUse = (trajectories: readonly Trajectory[]): ToolUse => {
  const entries = trajectories.flatMap(({ memory }) => memory);
  const counts = new Map<string, number>();
  for (const entry of entries) counts.set(toolOf(entry), (counts.get(toolOf(entry)) ?? 0) + 1);
  const errors = entries.filter(({ observation }) => observation.status !== "ok").length;
  return {
    averageTurns: entries.length / Math.max(1, trajectories.length),
    toolShares: Object.fromEntries(
      [...counts].sort(byName).map(([name, count]) => [name, count / Math.max(1, entries.length)]),
    ),
    toolErrorRate: errors / Math.max(1, entries.length),
  };
};

/**
 * The commonest sequences of tools, most frequent first, equal ones in alphabetical order.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { toolOrders } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const { trajectory } = await createFlow({ model, tools: {} }).solve("What is the capital of Ghana?");
 * for (const { tools, count } of toolOrders([trajectory])) console.log(tools.join(" → "), count);
 * ```
 */
export const toolOrders = (trajectories: readonly Trajectory[], limit = 10): ToolOrder[] => {
  const counts = new Map<string, number>();
  for (const { memory } of trajectories) {
    const order = memory.map(toolOf).join(" ");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || byName(a, b))
    .slice(0, limit)
    .map(([order, count]) => ({ tools: order === "" ? [] : order.split(" "), count }));
};

/** A name that a model made up must not become a key of a report. */
const toolOf = ({ step, observation }: MemoryEntry): string => {
  if (observation.status !== "ok" && observation.reason === "malformed") return "(malformed)";
  return observation.status !== "ok" && observation.reason === "unknown-tool" ? "(unknown)" : step.tool;
};

const byName = (a: readonly [string, number], b: readonly [string, number]): number =>
  a[0] < b[0] ? -1 : Number(a[0] > b[0]);
