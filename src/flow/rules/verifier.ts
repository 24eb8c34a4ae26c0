import type { FlowState, Verifier } from "../../module.ts";
import type { Field } from "../../tool.ts";
import type { Analysis, Observation, Verdict, VerdictCause } from "../../trajectory.ts";
import { admit } from "../gate.ts";
import { statedValue } from "../observation.ts";

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
  admit,
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

/** The kind of a yes or no, and the unit of a field that says one. */
export const TRUTH = "truth";

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
