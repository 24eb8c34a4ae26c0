import type { Generator } from "../../module.ts";
import { onDemand } from "../../on-demand.ts";
import { fieldText } from "../field-text.ts";
import { statedValue } from "../observation.ts";

/**
 * The generator by rules: the newest field `value` of memory that is of the asked kind, as text without its unit.
 *
 * @example
 * ```ts
 * import { createFlow, ruleGenerator } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, generator: ruleGenerator(), tools: {} });
 * ```
 */
export const ruleGenerator = (): Generator => {
  const kinds = onDemand(() => import("./fits.ts"));
  return ({ memory, analysis }) =>
    kinds(({ fits }) => {
      for (let i = memory.length - 1; i >= 0; i -= 1) {
        const value = statedValue(memory[i]?.observation);
        if (value !== undefined && fits(value, analysis.unit)) return fieldText(value);
      }
      return undefined;
    });
};
