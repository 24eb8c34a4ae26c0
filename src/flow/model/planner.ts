import type { Policy } from "../../engine.ts";
import type { Grammar } from "../../grammar.ts";
import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel } from "../../model.ts";
import type { FlowState, ModuleContext, Plan, Planner } from "../../module.ts";
import { checked, count, number, objectWith, oneOf, type Rules, required, truth } from "../../options.ts";
import { deriveKey } from "../../random.ts";
import type { Toolset } from "../../tool.ts";
import { malformed, parseChatAction, parseJsonAction, planOf } from "./parse-action.ts";
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
import { policyTurns } from "./policy-turns.ts";
import { lengthOf, type PromptEngine, type PromptOptions, type PromptSource, plannerPrompts } from "./prompt-form.ts";
import { firstKept } from "./selection.ts";

export interface ModelPlannerOptions extends PromptOptions {
  /** Most tokens of an action. @default 24, 40 in the chat form */
  readonly maxTokens?: number;
  /** 0 is greedy. What is drawn at another one than 1 is trained with importance weights. @default 1 */
  readonly temperature?: number;
  /** Hold what is sampled to the form of an action. @default true in the chat form */
  readonly grammar?: boolean;
}

const modelPlannerRules: Rules<ModelPlannerOptions> = {
  prompt: oneOf("compact", "chat"),
  detail: oneOf("values", "names"),
  verdicts: truth,
  maxTokens: count,
  temperature: number(),
  grammar: truth,
};

/**
 * A planner that samples a policy of an engine. Each turn's prompt is the last one, what was sampled then and what
 * came of it, by their ids: nothing that was sampled is encoded again. A solve stays on the version it began with.
 */
export const modelPlanner = (policy: Policy, options: ModelPlannerOptions = {}): Planner => {
  required(objectWith("a policy", "sample"))(policy, "modelPlanner: the policy");
  checked("modelPlanner", options, modelPlannerRules);
  const { contextLength, chat } = policy.engine;
  const form = options.prompt ?? (chat === undefined ? "compact" : "chat");
  const { maxTokens = form === "chat" ? 40 : 24, temperature = 1, grammar = form === "chat" } = options;
  const prompts = plannerPrompts(policy.engine, options);
  const turns = policyTurns(policy, "planner");

  const plan = async (state: FlowState, context: ModuleContext): Promise<Plan> => {
    const earlier = new Map(turns.earlier(context).map(({ turn, ids }) => [turn, ids]));
    const prompt = prompts.prompt(state, {
      tools: state.tools,
      instructions: context.instructions,
      turnLimit: state.turn - 1 + state.turnsLeft,
      room: contextLength - (form === "chat" ? maxTokens : 1),
      sampled: ({ index }) => earlier.get(index),
    });
    if (prompt === undefined)
      return malformed("", `Question and memory take more tokens than the model's ${contextLength}.`);
    const { text, ended, sampled, tokens } = await turns.sample(
      state.turn,
      prompt,
      {
        maxTokens: Math.min(maxTokens, contextLength - lengthOf(prompt)),
        stopIds: prompts.stopIds,
        temperature,
        ...(grammar && { grammar: { type: "pattern", pattern: actionPattern(state.tools) } }),
      },
      context,
    );
    context.onText?.(text);
    return {
      ...(ended
        ? planOf(text, prompts.parse(text, state.tools))
        : malformed(text, `An action ends within ${maxTokens} tokens.`)),
      sampled,
      tokens,
    };
  };
  return Object.assign(plan, { release: turns.release });
};

export interface ChatPlannerOptions {
  /** Most tokens of a reply. @default 256 */
  readonly maxTokens?: number;
  /** @default 0 */
  readonly temperature?: number;
  /** Characters that question and memory may take; the oldest turns are left out. @default 24000 */
  readonly room?: number;
}

/**
 * A frozen planner on any chat model: the same words and the same lenient reading, and one repair of a reply that is no
 * action. Small models write a line of text, models whose `promptStyle` is "json" an object with their thought before it.
 */
export const chatPlanner = (model: ChatModel, options: ChatPlannerOptions = {}): Planner => {
  required(objectWith("a chat model", "complete"))(model, "chatPlanner: the model");
  checked("chatPlanner", options, { maxTokens: count, temperature: number(), room: count });
  const { maxTokens = 256, temperature = 0, room = 24_000 } = options;
  return async (state, context) => {
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

/** A token sequence for supervised training. `turns` says for each target which entry (from 0) it belongs to. */
export interface TrajectorySegments {
  readonly ids: readonly number[];
  readonly targets: readonly number[];
  readonly turns: readonly number[];
}

export interface TrajectorySegmentsOptions extends PromptOptions {
  /** Those that the planner saw; the chat form names them. @default none */
  readonly tools?: Toolset;
  readonly instructions?: string;
}

/**
 * The token sequence of a finished run as its planner would have seen and sampled it, from the text of its actions:
 * what supervised training takes from a scripted planner. `targets` are positions of action tokens and of the token
 * that ends each. Without targets when the run does not fit the context.
 */
export const trajectorySegments = (
  engine: PromptEngine & { readonly contextLength: number },
  source: PromptSource,
  { tools = {}, instructions, ...form }: TrajectorySegmentsOptions = {},
): TrajectorySegments => {
  const { memory } = source;
  const prompts = plannerPrompts(engine, form);
  const segments = prompts.prompt(source, {
    tools,
    instructions,
    turnLimit: (memory[0]?.turnsLeft ?? 0) + 1,
    room: engine.contextLength,
    sampled: () => undefined,
  });
  const ids: number[] = [];
  const targets: number[] = [];
  const turns: number[] = [];
  // The oldest turns may have been left out.
  const kept = ((segments?.length ?? 0) - prompts.headSegments) / 2;
  for (const [i, segment] of (segments ?? []).entries()) {
    const place = i - prompts.headSegments;
    // What comes of the last action is nobody's prompt.
    if (place === 2 * kept - 1 && place >= 0) break;
    for (const id of segment.ids) {
      ids.push(id);
      if (place < 0 || place % 2 === 1) continue;
      targets.push(ids.length - 1);
      turns.push(memory.length - kept + place / 2);
    }
  }
  return { ids, targets, turns };
};
