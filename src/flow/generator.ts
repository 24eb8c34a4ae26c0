import type { Generator } from "../module.ts";
import { fieldText } from "./field-text.ts";
import { fits } from "./verifier.ts";

/** The generator by rules: the newest field `value` of memory that is of the asked kind, as text without its unit. */
export const ruleGenerator = (): Generator => (state) => {
  for (let i = state.memory.length - 1; i >= 0; i -= 1) {
    const observation = state.memory[i]?.observation;
    if (observation?.status !== "ok" || !Object.hasOwn(observation.fields, "value")) continue;
    const value = observation.fields.value;
    if (value !== undefined && fits(value, state.analysis.unit)) return fieldText(value);
  }
  return undefined;
};
