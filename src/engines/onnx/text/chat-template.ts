import type { ChatTemplate } from "../../../engine.ts";
import { ModelError } from "../../../errors.ts";
import { threadsOf } from "../../../threads/threads.ts";
import type { Opened, Rendering, Template } from "./template-thread.ts";

export interface ChatTemplateOptions {
  /**
   * The time that a template may write into its text, in milliseconds since 1970.
   * @default a fixed day, so that a prompt is the same tomorrow
   */
  readonly now?: () => number;
  /** Time limit for opening a template and for rendering a conversation. @default 10 */
  readonly seconds?: number;
}

/** The day that templates themselves use without a clock. */
const FIXED_DAY = Date.UTC(2024, 6, 26);
/** Real templates have up to thirty thousand characters. */
const LONGEST_SOURCE = 200_000;

/** Shared by all engines of a process: a rendering takes less than a millisecond. */
const threads = threadsOf("engines/onnx/text/template-thread", {
  failure: (message, cause) => new ModelError(message, { cause }),
});

/**
 * A model's own chat template, in Jinja. `tokens` are the special tokens that it may name (`bos_token`, `eos_token`, …).
 * Where it takes no system message, the system's text goes in front of the first user message. A template that can
 * switch thinking off is asked to. It is a program by whoever published the model, and runs in a thread with a deadline.
 * Throws `ModelError` for a source that is invalid or takes too long.
 */
export const chatTemplate = async (
  source: string,
  tokens: Readonly<Record<string, string>> = {},
  { now = () => FIXED_DAY, seconds = 10 }: ChatTemplateOptions = {},
): Promise<ChatTemplate> => {
  if (source.length > LONGEST_SOURCE)
    throw new ModelError(`The model's chat template has ${source.length} characters; accepted are ${LONGEST_SOURCE}.`);
  const limits = { what: "The model's chat template", seconds };
  const template = (): Template => ({ source, tokens, now: now() });
  const { takesSystem, frame } = await threads.run<Opened>("open", template(), limits);
  return {
    frame,
    render: (messages, { addGenerationPrompt = false, abortSignal } = {}) => {
      const rendering: Rendering = { ...template(), takesSystem, messages, addGenerationPrompt };
      return threads.run<string>("render", rendering, { ...limits, abortSignal });
    },
  };
};
