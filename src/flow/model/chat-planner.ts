import type { Grammar } from "../../grammar.ts";
import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel } from "../../model.ts";
import type { FlowState, ModuleContext, Planner } from "../../module.ts";
import { deriveKey } from "../../random.ts";
import { parseChatAction, parseJsonAction, planOf } from "./parse-action.ts";
import {
  actionPattern,
  actionSchema,
  experienceText,
  jsonWish,
  lineWish,
  plannerOpening,
  plannerResult,
  plannerSystem,
} from "./planner-prompt.ts";
import { firstKept } from "./selection.ts";

interface ChatPlannerOptions {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly room?: number;
}

/**
 * The frozen planner of `modelPlanner`, on any chat model: the same words and the same lenient reading, and one repair of
 * a reply that is no action. Small models write a line of text, models whose `promptStyle` is "json" an object with their
 * thought before it.
 */
export const chatPlanner =
  (model: ChatModel, { maxTokens = 256, temperature = 0, room = 24_000 }: ChatPlannerOptions): Planner =>
  async (state, context) => {
    const tools = Object.keys(state.tools);
    const json = model.promptStyle === "json";
    const [parse, grammar, wish]: [typeof parseChatAction, Grammar, string] = json
      ? [parseJsonAction, { type: "json", schema: actionSchema(state.tools) }, jsonWish(state.tools)]
      : [parseChatAction, { type: "pattern", pattern: actionPattern(state.tools) }, lineWish(state.tools)];
    const messages: ChatMessage[] = conversation(state, context, room, json ? wish : undefined);
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
        abortSignal: context.abortSignal,
        ...(context.onText === undefined ? {} : { onText: tell }),
      });
      if (!streamed) context.onText?.(reply.text);
      return reply.text;
    };
    const text = await ask(0);
    let parsed = parse(text, tools);
    if ("error" in parsed || !tools.includes(parsed.tool)) {
      messages.push({ role: "assistant", content: text }, { role: "user", content: `That is no action. ${wish}` });
      const repaired = parse(await ask(1), tools);
      if (!("error" in repaired) && tools.includes(repaired.tool)) parsed = repaired;
    }
    return planOf(text, parsed);
  };

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
      content: [plannerSystem(tools, instructions), ...(wish === undefined ? [] : [wish])].join("\n\n"),
    },
    { role: "user", content: first === 0 ? opening : `${opening}\n(The first ${first} turns are left out here.)` },
    ...told.slice(first).flatMap(({ entry, text }): ChatMessage[] => [
      { role: "assistant", content: entry.step.raw },
      { role: "user", content: text },
    ]),
  ];
};
