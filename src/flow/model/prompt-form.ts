import type { Engine, PromptSegment } from "../../engine.ts";
import { ConfigError } from "../../errors.ts";
import type { Query } from "../../task.ts";
import type { Toolset } from "../../tool.ts";
import type { Analysis, MemoryEntry, Step } from "../../trajectory.ts";
import { type EntryForm, renderEntry } from "../memory.ts";
import { byThings } from "../references.ts";
import { fits } from "../rules/fits.ts";
import { chatPrompts } from "./chat-prompt.ts";
import { memoised } from "./memoised.ts";
import { parseAction, parseChatAction } from "./parse-action.ts";
import { plannerOpening, plannerResult, plannerSystem, type ResultDetail } from "./planner-prompt.ts";

/** Ends a sampled action of the compact form, where a model's vocabulary has it as one token. */
export const END = "<end>";

/** `compact`: made for the built-in planner, names without values. `chat`: natural language in the model's chat template. */
export type PromptForm = "compact" | "chat";

/** What a prompt is made of: a trajectory has it as well as the state of a running flow. */
export interface PromptSource {
  readonly query: Pick<Query, "question" | "conversation">;
  readonly analysis: Analysis;
  readonly memory: readonly MemoryEntry[];
}

export interface PromptSurroundings {
  readonly tools: Toolset;
  readonly instructions?: string | undefined;
  readonly turnLimit: number;
  /** Tokens that a prompt may take. */
  readonly room: number;
  /** The ids that a policy sampled in the turn of an entry; its text is encoded where there are none. */
  readonly sampled: (entry: MemoryEntry) => readonly number[] | undefined;
}

/** A planner's prompts on one engine: each turn's prompt begins with the last one and what was sampled then. */
export interface PlannerPrompts {
  readonly stopIds: readonly number[];
  /** Segments in front of the first action; from there on an action and what came of it take turns. */
  readonly headSegments: number;
  /** Undefined when not even the question fits. */
  prompt(source: PromptSource, surroundings: PromptSurroundings): readonly PromptSegment[] | undefined;
  parse(text: string, tools: Toolset): Step | { readonly error: string };
}

export type PromptEngine = Pick<Engine, "tokenizer" | "chat" | "model" | "endIds">;

/** How a planner's prompts are written. */
export interface PromptOptions {
  /** @default "chat" where the engine has a chat template, else "compact" */
  readonly prompt?: PromptForm;
  /** Of the chat form. @default "values" */
  readonly detail?: ResultDetail;
  /** Of the compact form, which shows no verdict of a turn without it. A planner has to be trained on them. @default false */
  readonly verdicts?: boolean | undefined;
  /** Of the compact form: whether it says how many turns are left. A planner knows only what it was trained on. @default true */
  readonly turnsLeft?: boolean | undefined;
  /** Of the compact form: whether it marks the fields that are of the unit or kind that is asked for. A planner knows only what it was trained on. @default false */
  readonly marked?: boolean | undefined;
  /**
   * Of actions in the compact form that no policy sampled, such as those that are imitated: whether they refer to fields by
   * entries (`@4.country`) or by the entities that these go back to (`q1.country`). A policy may say either. @default "entries"
   */
  readonly references?: "entries" | "things" | undefined;
}

/** Throws `ConfigError` for an engine that cannot have the form. */
export const plannerPrompts = (
  engine: PromptEngine,
  { prompt = engine.chat === undefined ? "compact" : "chat", detail, ...shown }: PromptOptions = {},
): PlannerPrompts => (prompt === "chat" ? chatForm(engine, detail) : compactForm(engine, shown));

const chatForm = (engine: PromptEngine, detail: ResultDetail | undefined): PlannerPrompts => {
  const prompts = chatPrompts(engine);
  return {
    stopIds: prompts.endIds,
    headSegments: 2,
    prompt: ({ query, analysis, memory }, { tools, instructions, turnLimit, room, sampled }) =>
      prompts.prompt(
        {
          system: plannerSystem(tools, instructions),
          opening: plannerOpening(query, analysis, turnLimit),
          exchanges: memory.map((entry) => ({
            reply: sampled(entry) ?? entry.step.raw,
            user: plannerResult(entry, detail),
          })),
        },
        room,
      ),
    parse: (text, tools) => parseChatAction(text, Object.keys(tools)),
  };
};

const TEMPLATE_LENGTH = 400;
const ENTITY_LENGTH = 16;

/**
 * The start of a compact prompt: template, entities, asked unit, and the limit of turns where it is given. Pure and bounded.
 *
 * @example
 * ```ts
 * import { renderHead } from "agentflow";
 *
 * const analysis = { template: "how many {1} are there", entities: ["A-17"] };
 * console.log(renderHead(analysis, 6));
 * ```
 */
export const renderHead = ({ template, entities, unit }: Analysis, turnLimit?: number): string => {
  let text = `${template.slice(0, TEMPLATE_LENGTH)}\n`;
  for (const [i, entity] of entities.entries()) text += `q${i + 1} ${entity.slice(0, ENTITY_LENGTH)}\n`;
  if (unit !== undefined) text += `unit ${unit}\n`;
  return turnLimit === undefined ? text : `${text}[${turnLimit}]\n`;
};

/** How a compact prompt shows what came of the turns of a question. */
export const entryForm = ({ verdicts, turnsLeft, marked }: PromptOptions, { unit }: Analysis): EntryForm => ({
  verdicts,
  turnsLeft,
  ...(marked === true && unit !== undefined && { isAsked: (field) => fits(field, unit) }),
});

const compactForm = ({ tokenizer, endIds }: PromptEngine, options: PromptOptions): PlannerPrompts => {
  const { turnsLeft = true, references = "entries" } = options;
  const written = ({ step, index }: MemoryEntry, memory: readonly MemoryEntry[]): string =>
    references === "entries" ? step.raw.trim() : byThings(step.raw.trim(), memory.slice(0, index - 1));
  // A published model ends an action as it ends a reply.
  const endId = tokenizer.idOf(END) ?? endIds[0];
  if (endId === undefined)
    throw new ConfigError(
      `The model's vocabulary has no token ${END} and none that ends a reply: nothing can end an action. Use a model made for planning, or a chat model.`,
    );
  const encode = memoised((text) => tokenizer.encode(text));
  return {
    stopIds: [endId],
    headSegments: 1,
    prompt: ({ analysis, memory }, { turnLimit, room, sampled }) => {
      const form = entryForm(options, analysis);
      const segments: PromptSegment[] = [
        { ids: encode(renderHead(analysis, turnsLeft ? turnLimit : undefined)), sampled: false },
      ];
      for (const entry of memory) {
        const ids = sampled(entry);
        segments.push(
          ids === undefined
            ? { ids: [...encode(written(entry, memory)), endId], sampled: false }
            : { ids, sampled: true },
          { ids: encode(renderEntry(entry, form)), sampled: false },
        );
      }
      return lengthOf(segments) <= room ? segments : undefined;
    },
    parse: (text) => parseAction(text),
  };
};

/** Tokens of a prompt. */
export const lengthOf = (segments: readonly PromptSegment[]): number =>
  segments.reduce((sum, { ids }) => sum + ids.length, 0);
