import type { Refusal, Verifier } from "../module.ts";
import { type AnyTool, asksApproval } from "../tool.ts";
import { failedForNow, type MemoryEntry, type Observation, type ToolCall } from "../trajectory.ts";
import { refused } from "./observation.ts";
import { type Parsed, parseInput } from "./schema.ts";

/**
 * The first gate of every verifier, before a call: the tool exists, the arguments fit its schema, the same call was not made
 * before, unless it failed only for now.
 */
export const admit: Verifier["admit"] = (call, state) => {
  const tool = Object.hasOwn(state.tools, call.tool) ? state.tools[call.tool] : undefined;
  if (tool === undefined) {
    return refused(
      "unknown-tool",
      `There is no tool "${call.tool.slice(0, 60)}". Use one of: ${Object.keys(state.tools).join(", ")}.`,
    );
  }
  const decide = (parsed: Parsed): Refusal | undefined =>
    "problem" in parsed
      ? refused("bad-arguments", `${call.tool}: ${parsed.problem}.`)
      : refuseRepeat(call, tool, state.memory);
  const parsed = parseInput(tool.inputSchema, call.input);
  return parsed instanceof Promise ? parsed.then(decide) : decide(parsed);
};

/** How often one call may be made while its service is unavailable. */
const MOST_TRIES = 3;
/** What needs approval acts on the world, and may have done so although no reply came. */
const mayBeMadeAgain = (observation: Observation, tool: AnyTool): boolean =>
  failedForNow(observation) && !asksApproval(tool);

const refuseRepeat = (call: ToolCall, tool: AnyTool, memory: readonly MemoryEntry[]): Refusal | undefined => {
  let tries = 0;
  for (const entry of memory) {
    if (entry.call === undefined || entry.observation.status === "refused" || entry.call.tool !== call.tool) continue;
    if (!same(entry.call.input, call.input, 0)) continue;
    tries += 1;
    if (tries === MOST_TRIES || !mayBeMadeAgain(entry.observation, tool))
      return refused(
        "repeated",
        `The same call was made in @${entry.index}. Use what it brought or try something else.`,
      );
  }
  return undefined;
};

const same = (a: unknown, b: unknown, depth: number): boolean => {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || depth > 16) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length || Array.isArray(a) !== Array.isArray(b)) return false;
  return names.every(
    (name) =>
      Object.hasOwn(b, name) &&
      same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name], depth + 1),
  );
};
