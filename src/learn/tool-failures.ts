import type { Environment } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { failed } from "../flow/observation.ts";
import { ruleExecutor } from "../flow/rules/executor.ts";
import type { Executor } from "../module.ts";
import { randomKey, uniform } from "../random.ts";
import { metadataOf } from "../tool.ts";
import { failedForNow, type MemoryEntry, type ToolCall, type Trajectory } from "../trajectory.ts";

/** Share of calls that fail: of each tool that looks something up, or by tool. */
export type ToolFailures = number | Readonly<Record<string, number>>;

/** What a service says that is not there for now. */
const MESSAGE = "503 Service Unavailable";

/**
 * An executor whose calls fail at a rate, as those of a service that is unavailable for now. Whether one does is drawn from
 * seed, question, call and how often it was made before: all rollouts of a task meet the same failures, so that they differ
 * in what they make of them, and nothing depends on time. Tools that compute only fail where they are named.
 */
export const failingCalls = (executor: Executor, failures: ToolFailures, seed: number): Executor => ({
  ...executor,
  run: async (call, state, context) => {
    const share = shareOf(failures, call.tool, metadataOf(state.tools, call.tool)?.computes === true);
    const key = randomKey(seed, "tool failure", state.query.id, textOf(call));
    return share > 0 && uniform(key, timesMade(call, state.memory)) < share
      ? failed("unavailable", MESSAGE)
      : executor.run(call, state, context);
  },
});

const shareOf = (failures: ToolFailures, tool: string, computes: boolean): number =>
  typeof failures === "number" ? (computes ? 0 : failures) : Object.hasOwn(failures, tool) ? (failures[tool] ?? 0) : 0;

const textOf = ({ tool, input }: ToolCall): string => JSON.stringify([tool, input]);

const timesMade = (call: ToolCall, memory: readonly MemoryEntry[]): number =>
  memory.filter(
    (entry) =>
      entry.observation.status !== "refused" && entry.call !== undefined && textOf(entry.call) === textOf(call),
  ).length;

/** An environment whose calls fail at a rate, also those of its random planners. */
export const withToolFailures = (environment: Environment, failures: ToolFailures, seed: number): Environment => ({
  ...environment,
  flow: { ...environment.flow, executor: failingCalls(environment.flow.executor ?? ruleExecutor(), failures, seed) },
});

/** Throws `ConfigError` for a tool that there is not. */
export const requireTools = (failures: ToolFailures | undefined, tools: readonly string[]): void => {
  const unknown =
    typeof failures === "object" ? Object.keys(failures).find((name) => !tools.includes(name)) : undefined;
  if (unknown !== undefined)
    throw new ConfigError(
      `toolFailures: there is no tool ${JSON.stringify(unknown)}. Accepted are ${tools.join(", ")}.`,
    );
};

/** Whether a call failed for now in a solve. */
export const metFailure = ({ memory }: Trajectory): boolean =>
  memory.some(({ observation }) => failedForNow(observation));
