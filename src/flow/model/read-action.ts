import { callIn, objectsIn, undressed } from "../../reply.ts";
import { withoutThoughts } from "../../thoughts.ts";
import { type Step, stepOf } from "../../trajectory.ts";

const ACTION_LENGTH = 2000;

/** An action, or why a text is not one. */
export type ReadAction = Step | { readonly error: string };

/** What `parseAction` reads. */
export const wordAction = (text: string): ReadAction => {
  if (text.length > ACTION_LENGTH) return { error: `An action has at most ${ACTION_LENGTH} characters.` };
  const step = stepOf(text);
  if (!/^[A-Za-z_][\w-]*$/u.test(step.tool))
    return { error: "An action starts with the name of a tool; its sub-goal follows, such as q1." };
  return step.subGoal === ""
    ? { error: `An action needs a sub-goal after the tool, as in "${step.tool.slice(0, 60)} q1".` }
    : step;
};

/** What `parseChatAction` reads. */
export const chatAction = (text: string, tools: readonly string[]): ReadAction => {
  const said = withoutThoughts(text).text;
  if (said.length > ACTION_LENGTH) return { error: `An action has at most ${ACTION_LENGTH} characters.` };
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  for (const [i, line] of lines.entries()) {
    // A tool may have the name of a label: the line as it stands goes first.
    const step = actionOf(line.trim(), tools) ?? actionOf(bareLine(line), tools) ?? twoLines(line, lines[i + 1], tools);
    if (step !== undefined) return { ...step, raw: text };
  }
  const object = objectAction(said);
  if (object !== undefined) return { ...object, raw: text };
  const first = lines.map(bareLine).find((line) => line !== "");
  if (first === undefined)
    return { error: `An action is one line: a tool and a sub-goal. Tools: ${tools.join(", ")}.` };
  const parsed = wordAction(first);
  return "error" in parsed ? parsed : { ...parsed, raw: text };
};

/** An action as models write it that were asked for JSON: the object {"tool", "subGoal"}, else as `chatAction` reads it. */
export const jsonAction = (text: string, tools: readonly string[]): ReadAction => {
  const said = withoutThoughts(text).text;
  const object = said.length > ACTION_LENGTH ? undefined : objectAction(said);
  return object !== undefined && tools.includes(object.tool) ? { ...object, raw: text } : chatAction(text, tools);
};

const LABEL =
  /^(?:[*_]{0,2}(?:next\s)?(?:action|step|tool|call|plan|answer|output|you|assistant)[*_]{0,2}\s{0,4}(?:\d{1,3}\s{0,4})?[:=][*_]{0,2}\s{0,8}){1,4}/iu;

/** A line without fences, quote marks, bullets, numbers and labels in front, and without what wraps it whole. */
const bareLine = (line: string): string => {
  let bare = line.trim().replace(/^```\w*$/u, "");
  for (let before = ""; before !== bare; ) {
    before = bare;
    bare = undressed(bare.replace(/^(?:[>*•-]|\d+[.)])\s+/u, "").replace(LABEL, ""));
  }
  return bare;
};

/** A tool on one line and its sub-goal on the next: `Action: web_search`, `Action Input: q1`. */
const twoLines = (
  line: string,
  next: string | undefined,
  tools: readonly string[],
): Pick<Step, "tool" | "subGoal"> | undefined => {
  const input = /^[*_]{0,2}(?:action[ _])?input[*_]{0,2}:[*_]{0,2}\s{0,8}(\S.*)$/isu.exec(next?.trim() ?? "")?.[1];
  return input === undefined ? undefined : actionOf(`${bareLine(line)} ${undressed(input)}`, tools);
};

const actionOf = (line: string, tools: readonly string[]): Pick<Step, "tool" | "subGoal"> | undefined => {
  const parts = /^([`"'*]*)([A-Za-z_][\w-]*)\1(?:\s*([:(])|\s)\s*(.+)$/su.exec(line);
  const [, , tool = "", mark, rest = ""] = parts ?? [];
  if (!tools.includes(tool)) return undefined;
  const inner = mark === "(" ? rest.replace(/\)[`"'*.]*$/u, "") : rest;
  const { length } = inner;
  const quoted = /^["'`]/u.test(inner) && inner.indexOf(inner[0] ?? "", 1) === length - 1;
  const subGoal = (quoted ? inner.slice(1, -1) : inner).trim().replace(/\s+/gu, " ");
  return subGoal === "" ? undefined : { tool, subGoal };
};

/** The first JSON object of a text that is an action, as {"tool", "subGoal"} or as a call {"name", "arguments"}. */
const objectAction = (text: string): Pick<Step, "tool" | "subGoal"> | undefined => {
  for (const object of objectsIn(text)) {
    const { tool, subGoal, sub_goal } = object;
    const call = callIn(object);
    const [name, goal] = [tool ?? call?.name, subGoal ?? sub_goal ?? goalOf(call?.input)];
    if (typeof name !== "string" || goal === undefined || goal === null) continue;
    const words = typeof goal === "string" ? goal.trim() : JSON.stringify(goal);
    if (/^[A-Za-z_][\w-]*$/u.test(name) && words !== "") return { tool: name, subGoal: words };
  }
  return undefined;
};

/** Of one argument its value: a sub-goal is words. */
const goalOf = (input: Readonly<Record<string, unknown>> | undefined): unknown => {
  const [first, ...more] = Object.values(input ?? {});
  return more.length === 0 && typeof first !== "object" ? first : input;
};
