import type { Grammar } from "../../grammar.ts";
import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel, OfferedTool } from "../../model.ts";
import type { FlowState, ModuleContext, Plan, Planner } from "../../module.ts";
import { defined } from "../../options.ts";
import { deriveKey } from "../../random.ts";
import type { Toolset } from "../../tool.ts";
import type { Step } from "../../trajectory.ts";
import { holding } from "./holding.ts";
import { plainAction } from "./plain-reply.ts";
import { planOf } from "./plan.ts";
import {
  actionPattern,
  actionSchema,
  callSchema,
  callWish,
  experienceText,
  jsonWish,
  lineWish,
  plannerOpening,
  plannerResult,
  plannerSystem,
} from "./planner-prompt.ts";
import { firstKept } from "./selection.ts";
import { offeredTools, toolList } from "./tool-text.ts";

interface ChatPlannerOptions {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly room?: number;
}

/** How a model of a style is asked for an action, and how its reply is read. */
interface Style {
  /** Whether a reply is looked through for an object first. */
  readonly object: boolean;
  readonly grammar: Grammar;
  readonly wish: string;
  /** Whether the wish stands in the system's prompt from the start. */
  readonly early: boolean;
  readonly offered?: readonly OfferedTool[] | undefined;
}

const styleOf = (model: ChatModel, tools: Toolset): Style => {
  const offered = model.promptStyle === "tools" ? offeredTools(tools) : undefined;
  if (offered !== undefined)
    return {
      object: true,
      grammar: { type: "json", schema: callSchema(tools) },
      wish: callWish(tools),
      early: true,
      offered,
    };
  return model.promptStyle === undefined || model.promptStyle === "tagged"
    ? {
        object: false,
        grammar: { type: "pattern", pattern: actionPattern(tools) },
        wish: lineWish(tools),
        early: false,
      }
    : {
        object: true,
        grammar: { type: "json", schema: actionSchema(tools) },
        wish: jsonWish(tools),
        early: true,
      };
};

/** A call {"name", "arguments"}, whose arguments are the sub-goal. */
const plainCall = (text: string, tools: readonly string[]): Step | undefined => {
  try {
    const { name, arguments: input } = JSON.parse(text) as { readonly name?: unknown; readonly arguments?: unknown };
    if (typeof name === "string" && tools.includes(name) && typeof input === "object" && input !== null)
      return { tool: name, subGoal: JSON.stringify(input), raw: text };
  } catch {
    // A text, in which an action may be found.
  }
  return undefined;
};

/** Reads a reply as its style says it; one that is not as plain, leniently. */
const actionIn = async (
  text: string,
  tools: readonly string[],
  { object, offered }: Style,
): Promise<Step | { readonly error: string }> => {
  const plain = (offered === undefined ? undefined : plainCall(text, tools)) ?? plainAction(text, tools);
  if (plain !== undefined) return plain;
  const { chatAction, jsonAction } = await import("./read-action.ts");
  return object ? jsonAction(text, tools) : chatAction(text, tools);
};

/**
 * The frozen planner of `modelPlanner`, on any chat model: the same words and the same lenient reading, and one repair of
 * a reply that is no action. Small models write a line of text, models whose `promptStyle` is "json" an object with their
 * thought before it, and models that call tools make the call, which the executor then need not write.
 */
export const chatPlanner = (
  model: ChatModel,
  { maxTokens = 256, temperature = 0, room = 24_000 }: ChatPlannerOptions = {},
): Planner =>
  holding(model, async (state: FlowState, context: ModuleContext): Promise<Plan> => {
    const tools = Object.keys(state.tools);
    const style = styleOf(model, state.tools);
    const { grammar, wish, early, offered } = style;
    const messages: ChatMessage[] = conversation(state, context, room, early ? wish : undefined);
    const ask = async (attempt: number): Promise<string> => {
      let streamed = false;
      const tell = (delta: string): void => {
        streamed = true;
        context.onText?.(delta);
      };
      const reply = await metered(model, context.meter, context.redact).complete({
        messages,
        maxTokens,
        temperature,
        randomKey: deriveKey(context.randomKey, "planner", state.turn, attempt),
        grammar,
        ...defined({ tools: offered }),
        abortSignal: context.abortSignal,
        ...(context.onText === undefined ? {} : { onText: tell }),
      });
      if (!streamed) context.onText?.(reply.text);
      return reply.text;
    };
    const text = await ask(0);
    let parsed = await actionIn(text, tools, style);
    if ("error" in parsed || !tools.includes(parsed.tool)) {
      messages.push({ role: "assistant", content: text }, { role: "user", content: `That is no action. ${wish}` });
      const repaired = await actionIn(await ask(1), tools, style);
      if (!("error" in repaired) && tools.includes(repaired.tool)) parsed = repaired;
    }
    return planOf(text, parsed);
  });

const conversation = (
  state: FlowState,
  { instructions }: ModuleContext,
  room: number,
  wish: string | undefined,
): ChatMessage[] => {
  const { query, analysis, tools, memory, turn, turnsLeft } = state;
  const earlier = experienceText(state.experience);
  const question = plannerOpening(query, analysis, turn - 1 + turnsLeft);
  const opening = earlier === "" ? question : `${earlier}\n\n${question}`;
  const told = memory.map((entry) => ({ entry, text: plannerResult(entry) }));
  const first =
    firstKept(
      opening.length,
      told.map(({ entry, text }) => entry.step.raw.length + text.length),
      room,
    ) ?? memory.length;
  return [
    {
      role: "system",
      content: [
        plannerSystem(tools, instructions, toolList(tools, { typed: true })),
        ...(wish === undefined ? [] : [wish]),
      ].join("\n\n"),
    },
    { role: "user", content: first === 0 ? opening : `${opening}\n(The first ${first} turns are left out here.)` },
    ...told.slice(first).flatMap(({ entry, text }): ChatMessage[] => [
      { role: "assistant", content: entry.step.raw },
      { role: "user", content: text },
    ]),
  ];
};
