import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel } from "../../model.ts";
import type { FlowState, ModuleContext, Refusal } from "../../module.ts";
import { deriveKey } from "../../random.ts";
import type { AnyTool, JsonSchema } from "../../tool.ts";
import type { Step, ToolCall } from "../../trajectory.ts";
import { fieldText } from "../field-text.ts";
import { refused } from "../observation.ts";
import { REFERENCE, resolve } from "../references.ts";
import { parseInput } from "../schema.ts";
import { coerce } from "./coerce.ts";
import { oneLine } from "./entry-text.ts";
import { plainObject } from "./plain-reply.ts";
import { questionText } from "./planner-prompt.ts";

/** What is to be called, and for what. */
interface Wanted {
  readonly step: Step;
  readonly tool: AnyTool;
  readonly schema: JsonSchema;
}

const SYSTEM =
  "You write the input of a tool as one JSON object that fits its schema. Write the JSON alone. References such as q1 or @2.country are replaced by what they stand for.";
const SCHEMA_LENGTH = 6000;

/** The call that a model writes from a tool's schema and a sub-goal; what does not fit is coerced, then repaired once. */
export const askedCall = async (
  model: ChatModel,
  maxTokens: number,
  { step, tool, schema }: Wanted,
  state: FlowState,
  context: ModuleContext,
): Promise<ToolCall | Refusal> => {
  const messages = callPrompt(step, state, tool, schema);
  let problem = "";
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { text } = await metered(model, context.meter, context.redact).complete({
      messages,
      maxTokens,
      temperature: 0,
      randomKey: deriveKey(context.randomKey, "executor", state.turn, attempt),
      ...(schema !== undefined && { grammar: { type: "json" as const, schema } }),
      abortSignal: context.abortSignal,
    });
    const input = coerce(await inputIn(text, step.tool), schema);
    const parsed =
      input === undefined ? { problem: "it is not a JSON object" } : await parseInput(tool.inputSchema, input);
    if (!("problem" in parsed)) return { tool: step.tool, input };
    problem = parsed.problem;
    messages.push(
      { role: "assistant", content: text },
      { role: "user", content: `That does not fit: ${problem}. Write the JSON again.` },
    );
  }
  return refused("bad-arguments", `${step.tool}: ${problem}.`);
};

const callPrompt = (step: Step, state: FlowState, tool: AnyTool, schema: JsonSchema | undefined): ChatMessage[] => {
  const named = [...new Set(step.subGoal.match(REFERENCE) ?? [])].map((reference) => {
    const field = resolve(reference, state);
    return `${reference} = ${field === undefined ? "(nothing)" : oneLine(`${fieldText(field)}${field.unit === undefined ? "" : ` ${field.unit}`}`, 400)}`;
  });
  return [
    { role: "system", content: SYSTEM },
    {
      role: "user",
      content: [
        questionText(state.query.question, state.analysis),
        `Tool ${step.tool}: ${oneLine(tool.description, 600)}`,
        ...(schema === undefined ? [] : [`Schema: ${JSON.stringify(schema).slice(0, SCHEMA_LENGTH)}`]),
        `Do: ${oneLine(step.subGoal, 2000)}`,
        ...named,
      ].join("\n"),
    },
  ];
};

/** Longest reply that is read, in characters. */
const REPLY_LENGTH = 100_000;
/** What a call that names its tool has. */
const CALL = /"(?:arguments|parameters|args|input)"/;

/** The input in a reply: its first whole JSON object, or the arguments of a call that names the tool. */
const inputIn = async (text: string, tool: string): Promise<Readonly<Record<string, unknown>> | undefined> => {
  if (text.length > REPLY_LENGTH) return undefined;
  const plain = CALL.test(text) ? undefined : plainObject(text);
  if (plain !== undefined) return plain;
  const { callIn, objectsIn } = await import("../../reply.ts");
  const [object] = objectsIn(text);
  const call = object === undefined ? undefined : callIn(object);
  return call?.name === tool ? (call.input ?? object) : object;
};
