import type { FlowState, Verifier } from "../../module.ts";
import { onDemand } from "../../on-demand.ts";
import type { Observation, Verdict, VerdictCause } from "../../trajectory.ts";
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
export const ruleVerifier = (): Verifier => {
  const kinds = onDemand(() => import("./fits.ts"));
  return {
    admit,
    judge: (_step, observation, state) =>
      kinds(({ fits }) => (fits(statedValue(observation), state.analysis.unit) ? STOP : goOn(observation, state))),
  };
};

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
