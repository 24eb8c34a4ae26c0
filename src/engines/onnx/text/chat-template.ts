import type { ChatTemplate } from "../../../engine.ts";
import { EngineError, ModelError, messageOf } from "../../../errors.ts";
import type { ChatMessage } from "../../../model.ts";

export interface ChatTemplateOptions {
  /**
   * The time that a template may write into its text, in milliseconds since 1970.
   * @default a fixed day, so that a prompt is the same tomorrow
   */
  readonly now?: () => number;
}

/** The day that templates themselves fall back to when they are told no time. */
const FIXED_DAY = Date.UTC(2024, 6, 26);

/**
 * A model's own chat template, in Jinja. `tokens` are the special tokens that it may name (`bos_token`, `eos_token`, …).
 * Where it takes no system message, the system's text goes in front of the first user message. A template that can
 * switch thinking off is told to. Throws `EngineError` without the library, `ModelError` for a source that is none.
 */
export const chatTemplate = async (
  source: string,
  tokens: Readonly<Record<string, string>> = {},
  { now = () => FIXED_DAY }: ChatTemplateOptions = {},
): Promise<ChatTemplate> => {
  const { Environment, Interpreter, parse, tokenize } = await import("@huggingface/jinja").catch((cause) => {
    throw new EngineError(
      `Chat templates need the npm package @huggingface/jinja (${messageOf(cause)}). Run: npm install @huggingface/jinja`,
      { cause },
    );
  });
  const program = (() => {
    try {
      return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    } catch (cause) {
      throw new ModelError(`The model's chat template cannot be read: ${messageOf(cause)}`, { cause });
    }
  })();

  const run = (messages: readonly ChatMessage[], addGenerationPrompt: boolean): string => {
    const environment = new Environment();
    const names = { ...globals(now), ...tokens, messages, add_generation_prompt: addGenerationPrompt };
    for (const [name, value] of Object.entries(names)) environment.set(name, value);
    return String(new Interpreter(environment).run(program).value);
  };
  const takesSystem = heardBy((messages) => run(messages, false));
  return {
    render: (messages, { addGenerationPrompt = false } = {}) => {
      try {
        return run(takesSystem ? messages : withoutSystem(messages), addGenerationPrompt);
      } catch (cause) {
        throw new ModelError(
          `The model's chat template refuses this conversation (${messages.map(({ role }) => role).join(", ")}): ${messageOf(cause)}`,
          { cause },
        );
      }
    },
  };
};

/** Names that every template may use. The text that one raises is the message of the error. */
const globals = (now: () => number): Readonly<Record<string, unknown>> => ({
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  enable_thinking: false,
  raise_exception: (message: unknown): never => {
    throw new ModelError(String(message));
  },
  range: (first: number, end?: number, step = 1): number[] => {
    const [from, to] = end === undefined ? [0, first] : [first, end];
    return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);
  },
  strftime_now: (format: string) => timeText(new Date(now()), format),
});

/** Whether a system message is heard: some templates raise an exception for one, others leave it out. */
const heardBy = (render: (messages: readonly ChatMessage[]) => string): boolean => {
  const system = "system-text-to-look-for";
  try {
    return render([
      { role: "system", content: system },
      { role: "user", content: "Hello" },
    ]).includes(system);
  } catch {
    // Raised for the system message: what else a template refuses is refused again when it is used.
    return false;
  }
};

const withoutSystem = (messages: readonly ChatMessage[]): ChatMessage[] => {
  const system = messages.filter(({ role }) => role === "system").map(({ content }) => content);
  const others = messages.filter(({ role }) => role !== "system");
  const [first, ...rest] = others;
  if (system.length === 0 || first === undefined) return others;
  return first.role === "user"
    ? [{ role: "user", content: [...system, first.content].join("\n\n") }, ...rest]
    : [{ role: "user", content: system.join("\n\n") }, ...others];
};

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** The codes of `strftime` that templates use, in UTC. */
const timeText = (time: Date, format: string): string => {
  const two = (value: number): string => String(value).padStart(2, "0");
  const month = MONTHS[time.getUTCMonth()] ?? "";
  const day = DAYS[time.getUTCDay()] ?? "";
  const codes: Readonly<Record<string, string>> = {
    "%Y": String(time.getUTCFullYear()),
    "%y": two(time.getUTCFullYear() % 100),
    "%m": two(time.getUTCMonth() + 1),
    "%B": month,
    "%b": month.slice(0, 3),
    "%d": two(time.getUTCDate()),
    "%A": day,
    "%a": day.slice(0, 3),
    "%H": two(time.getUTCHours()),
    "%M": two(time.getUTCMinutes()),
    "%S": two(time.getUTCSeconds()),
    "%%": "%",
  };
  return format.replace(/%./gu, (code) => codes[code] ?? code);
};
