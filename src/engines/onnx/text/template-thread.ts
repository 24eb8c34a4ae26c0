/** Runs chat templates of published models in a thread: they are programs, and may loop for ever. See `threads.ts`. */

import { type ChatFrame, FRAME_CONVERSATIONS, frameFrom } from "../../../chat-frame.ts";
import { ModelError, messageOf } from "../../../errors.ts";
import type { ChatMessage } from "../../../model.ts";
import { optionalPackage } from "../../../optional-package.ts";

type Jinja = typeof import("@huggingface/jinja");
type Program = ReturnType<Jinja["parse"]>;

export interface Template {
  readonly source: string;
  /** Special tokens that it may name. */
  readonly tokens: Readonly<Record<string, string>>;
  /** The time that it may write, in milliseconds since 1970. */
  readonly now: number;
}

export interface Opened {
  readonly takesSystem: boolean;
  readonly frame: ChatFrame | undefined;
}

export interface Rendering extends Template {
  readonly takesSystem: boolean;
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
}

const LONGEST_RANGE = 100_000;
const LONGEST_TEXT = 16_000_000;
/** Templates whose programs are kept. */
const KEPT = 8;
const programs = new Map<string, Program>();

/** Loaded by the first template. */
const loadJinja = (): Promise<Jinja> => optionalPackage("@huggingface/jinja", () => import("@huggingface/jinja"));

const programOf = ({ parse, tokenize }: Jinja, source: string): Program => {
  const known = programs.get(source);
  if (known !== undefined) return known;
  try {
    const program = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    if (programs.size >= KEPT) programs.clear();
    programs.set(source, program);
    return program;
  } catch (cause) {
    throw new ModelError(`The model's chat template cannot be read: ${messageOf(cause)}`, { cause });
  }
};

const run = (
  jinja: Jinja,
  template: Template,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string => {
  const environment = new jinja.Environment();
  const names = {
    ...globals(template.now),
    ...template.tokens,
    messages,
    add_generation_prompt: addGenerationPrompt,
  };
  for (const [name, value] of Object.entries(names)) environment.set(name, value);
  const text = String(new jinja.Interpreter(environment).run(programOf(jinja, template.source)).value);
  if (text.length > LONGEST_TEXT) throw new ModelError(`its text is longer than ${LONGEST_TEXT} characters`);
  return text;
};

/** Whether the template takes a system message, and its frame. Throws `ModelError` for a source that is invalid. */
export const open = async (template: Template): Promise<Opened> => {
  const jinja = await loadJinja();
  programOf(jinja, template.source);
  const takesSystem = heardBy((messages) => run(jinja, template, messages, false));
  try {
    const [short, long] = FRAME_CONVERSATIONS.map((messages) =>
      rendered(jinja, { ...template, takesSystem, messages, addGenerationPrompt: true }),
    );
    return { takesSystem, frame: frameFrom(short ?? "", long ?? "") };
  } catch {
    // It refuses such conversations, and says why when it is asked for one.
    return { takesSystem, frame: undefined };
  }
};

/** The text of a conversation. Throws `ModelError` for what the template refuses. */
export const render = async (rendering: Rendering): Promise<string> => rendered(await loadJinja(), rendering);

const rendered = (jinja: Jinja, { takesSystem, messages, addGenerationPrompt, ...template }: Rendering): string => {
  try {
    return run(jinja, template, takesSystem ? messages : withoutSystem(messages), addGenerationPrompt);
  } catch (cause) {
    const roles = messages.slice(0, 20).map(({ role }) => role);
    throw new ModelError(
      `The model's chat template refuses this conversation (${roles.join(", ")}): ${messageOf(cause)}`,
      { cause },
    );
  }
};

/** Names that every template may use. The text that one raises is the message of the error. */
const globals = (now: number): Readonly<Record<string, unknown>> => ({
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
    const length = Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= LONGEST_RANGE)) throw new ModelError(`range() of more than ${LONGEST_RANGE} numbers`);
    return Array.from({ length }, (_, i) => from + i * step);
  },
  strftime_now: (format: string) => timeText(new Date(now), format),
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
