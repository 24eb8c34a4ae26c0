import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel } from "../../model.ts";
import type { Executor, FlowState, ModuleContext, Refusal } from "../../module.ts";
import { checked, count, objectWith, required } from "../../options.ts";
import { deriveKey } from "../../random.ts";
import { callIn, objectsIn } from "../../reply.ts";
import type { AnyTool, JsonSchema } from "../../tool.ts";
import type { Step, ToolCall } from "../../trajectory.ts";
import { argumentValue } from "../arguments.ts";
import { fieldText } from "../field-text.ts";
import { REFERENCE, resolve } from "../memory.ts";
import { refused } from "../observation.ts";
import { ruleExecutor } from "../rules/executor.ts";
import { jsonSchemaOf, parseInput } from "../schema.ts";
import { oneLine } from "./entry-text.ts";
import { holding } from "./holding.ts";
import { questionText } from "./planner-prompt.ts";

export interface ModelExecutorOptions {
  /** Most tokens of a call. @default 256 */
  readonly maxTokens?: number;
  /** Longest result of a tool that is kept, in characters. @default that of the rules */
  readonly outputLimit?: number;
}

const SYSTEM =
  "You write the input of a tool as one JSON object that fits its schema. Write the JSON alone. References such as q1 or @2.country are replaced by what they stand for.";
const SCHEMA_LENGTH = 6000;

/**
 * An executor by a model, as published: it writes the call from the tool's schema and the sub-goal, unless the sub-goal is
 * an input that fits, as a planner writes it that calls tools natively. What does not parse
 * or fit is coerced, then repaired once by the model, then refused. Calls are run as the rules run them.
 *
 * @example
 * ```ts
 * import { createFlow, modelExecutor } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, executor: modelExecutor(model), tools: {} });
 * ```
 */
export const modelExecutor = (model: ChatModel, options: ModelExecutorOptions = {}): Executor => {
  required(objectWith("a chat model", "complete"))(model, "modelExecutor: the model");
  const { maxTokens = 256, outputLimit } = checked("modelExecutor", options, { maxTokens: count, outputLimit: count });
  return holding(model, {
    run: ruleExecutor(outputLimit === undefined ? {} : { outputLimit }).run,
    write: async (step: Step, state: FlowState, context: ModuleContext): Promise<ToolCall | Refusal> => {
      const tool = Object.hasOwn(state.tools, step.tool) ? state.tools[step.tool] : undefined;
      // The verifier's first gate refuses it, with the list of tools.
      if (tool === undefined) return { tool: step.tool, input: {} };
      const schema = jsonSchemaOf(tool.inputSchema);
      if (step.subGoal.startsWith("{")) {
        const { writtenInput } = await import("./written-call.ts");
        const whole = coerce(writtenInput(step.subGoal, schema, state), schema);
        if (whole !== undefined && !("problem" in (await parseInput(tool.inputSchema, whole))))
          return { tool: step.tool, input: whole };
      }
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
        const input = coerce(inputIn(text, step.tool), schema);
        const parsed =
          input === undefined ? { problem: "it is no JSON object" } : await parseInput(tool.inputSchema, input);
        if (!("problem" in parsed)) return { tool: step.tool, input };
        problem = parsed.problem;
        messages.push(
          { role: "assistant", content: text },
          { role: "user", content: `That does not fit: ${problem}. Write the JSON again.` },
        );
      }
      return refused("bad-arguments", `${step.tool}: ${problem}.`);
    },
  });
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

/** The input in a reply: its first whole JSON object, or the arguments of a call that names the tool. */
const inputIn = (text: string, tool: string): Readonly<Record<string, unknown>> | undefined => {
  if (text.length > REPLY_LENGTH) return undefined;
  const [object] = objectsIn(text);
  const call = object === undefined ? undefined : callIn(object);
  return call?.name === tool ? (call.input ?? object) : object;
};

/** Values of the wrong JSON type that can only mean one thing: "3" for a number, 3 for a text, "true" for a truth value. */
const coerce = (
  input: Readonly<Record<string, unknown>> | undefined,
  schema: JsonSchema | undefined,
): Record<string, unknown> | undefined => {
  if (input === undefined) return undefined;
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, { readonly type?: unknown }>>;
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      if (type === "string" && (typeof value === "number" || typeof value === "boolean")) return [name, String(value)];
      if ((type === "number" || type === "integer") && typeof value === "string" && value.trim() !== "") {
        return [name, argumentValue({ kind: "text", value }, type)];
      }
      if (type === "boolean" && (value === "true" || value === "false")) return [name, value === "true"];
      return [name, value];
    }),
  );
};
