import type { Refusal } from "../module.ts";
import type { ToolCall } from "../trajectory.ts";
import { refused } from "./observation.ts";

/**
 * A call for somebody to approve: a frozen copy that is JSON and nothing else, so that what is shown is what is called,
 * whatever happens to the original in between. An input that JSON cannot tell is refused.
 */
export const fixedCall = ({ tool, input }: ToolCall): ToolCall | Refusal => {
  try {
    const copy: unknown = JSON.parse(JSON.stringify(input), (_, value: unknown) => Object.freeze(value));
    return Object.freeze({ tool, input: copy });
  } catch {
    // A circle, a bigint, nothing at all, or nested deeper than anybody reads.
    return refused("bad-arguments", `${tool}: the input must be JSON, so that it can be shown before it is approved.`);
  }
};
