import type { FlowState, Refusal, Verifier } from "../../module.ts";
import { type AnyTool, asksApproval, type Field } from "../../tool.ts";
import {
  type Analysis,
  failedForNow,
  type MemoryEntry,
  type Observation,
  type ToolCall,
  type Verdict,
  type VerdictCause,
} from "../../trajectory.ts";
import { refused, statedValue } from "../observation.ts";
import { type Parsed, parseInput } from "../schema.ts";
import { TRUTH } from "./units.ts";

/**
 * The verifier by rules. Before a call: the tool exists, the arguments fit its schema, the same call was not made
 * before, unless it failed only for now. After it: stop once an observation states a field `value` of the kind that the
 * question asks for.
 *
 * @example
 * ```ts
 * import { createFlow, ruleVerifier } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, verifier: ruleVerifier(), tools: {} });
 * ```
 */
export const ruleVerifier = (): Verifier => ({
  admit: (call, state) => {
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
  },
  judge: (_step, observation, state) => (answers(observation, state.analysis) ? STOP : goOn(observation, state)),
});

const STOP: Verdict = Object.freeze({ decision: "stop", reason: "A value of the asked kind is in memory." });

const continued = (cause: VerdictCause): Verdict =>
  Object.freeze({ decision: "continue", reason: "No value of the asked kind yet.", cause });
const NO_VALUE = continued("no value");
const CALL_FAILED = continued("call failed");
const STILL_FAILED = continued("still failed");

const goOn = ({ status }: Observation, { memory }: FlowState): Verdict => {
  if (status === "ok") return NO_VALUE;
  return (memory.at(-1)?.observation.status ?? "ok") === "ok" ? CALL_FAILED : STILL_FAILED;
};

const answers = (observation: Observation, analysis: Analysis): boolean =>
  fits(statedValue(observation), analysis.unit);

/**
 * Whether a value is of the asked unit, or, where it states no unit, of the asked kind. A comparison answers nothing but a
 * question for a yes or no.
 */
export const fits = (value: Field | undefined, unit: string | undefined): boolean => {
  if (value === undefined) return false;
  if (unit === undefined) return value.unit !== TRUTH;
  if (value.unit !== undefined) return value.unit === unit;
  if (unit === "date") return value.kind === "date";
  if (unit === TRUTH) return value.kind === "text" && /^(?:yes|no|true|false)$/iu.test(String(value.value));
  return value.kind === (unit === "name" || unit === "weekday" ? "text" : "number");
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
