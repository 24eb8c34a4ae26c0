import { text as aText, listOf } from "../../options.ts";
import type { Step } from "../../trajectory.ts";
import { chatAction, wordAction } from "./read-action.ts";

/**
 * An action in text: the first word is the tool, the rest the sub-goal. Pure, never throws.
 *
 * @example
 * ```ts
 * import { parseAction } from "agentflow";
 *
 * const step = parseAction("stock q1");
 * if ("error" in step) console.error(step.error);
 * else console.log(step.tool, step.subGoal);
 * ```
 */
export const parseAction = (text: string): Step | { readonly error: string } => {
  aText(text, "parseAction: the text");
  return wordAction(text);
};

/**
 * An action as chat models write it: the first line that begins with a tool, freed of code fences, labels, list marks and
 * quotes, as `tool sub-goal`, `tool: sub-goal` or `tool(sub-goal)`; or a JSON object {"tool", "subGoal"} or
 * {"name", "arguments"}. Where no line is one, the first line is read as it stands. `raw` is the whole text. Pure, never
 * throws.
 *
 * @example
 * ```ts
 * import { parseChatAction } from "agentflow";
 *
 * const step = parseChatAction("I look it up first.\nstock A-17", ["stock", "calculate"]);
 * console.log("error" in step ? step.error : step.tool);
 * ```
 */
export const parseChatAction = (text: string, tools: readonly string[]): Step | { readonly error: string } => {
  aText(text, "parseChatAction: the text");
  listOf(aText)(tools, "parseChatAction: the tools");
  return chatAction(text, tools);
};
