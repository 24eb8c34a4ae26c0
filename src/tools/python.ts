import { ToolError } from "../errors.ts";
import { metered } from "../metered.ts";
import type { ChatMessage, ChatModel } from "../model.ts";
import { fieldOfText } from "../number-text.ts";
import { checked, count, objectWith, type Rules, seconds } from "../options.ts";
import { openSandbox, type RunResult, type Sandbox } from "../sandbox/index.ts";
import { type Field, type Tool, type ToolContext, type ToolOutput, tool } from "../tool.ts";

export interface PythonOptions {
  /** Where programs run. @default a sandbox of its own, opened at the first call */
  readonly sandbox?: Sandbox;
  /** Writes the programs: the tool then takes a `query` in words instead of `code`. */
  readonly model?: ChatModel;
  /** Of one program. @default 10 */
  readonly timeoutSeconds?: number;
  /** Characters of output that are kept. @default 4096 */
  readonly outputLimit?: number;
}

/** A `python` tool, and what ends the processes behind it. */
export type PythonTool<Input> = Tool<Input> & { close(): Promise<void> };

const optionRules: Rules<PythonOptions> = {
  sandbox: objectWith("a sandbox", "runPython"),
  model: objectWith("a chat model", "complete"),
  timeoutSeconds: seconds,
  outputLimit: count,
};

const metadata = {
  limits:
    "No network, no files, no packages but the standard library (and SymPy where it is installed). Nothing is kept from call to call.",
  bestUse: "Exact arithmetic, dates, counting, sorting, small programs.",
  examples: [
    {
      input: { code: "from datetime import date\n(date(2024, 2, 29) - date(2000, 1, 1)).days" },
      for: "days between two dates",
    },
  ],
};

/**
 * Runs Python in a sandbox: the program itself, or, with a model, a program that the model writes for a query. Each is
 * run once; one that fails is repaired once. Gives what was printed, the value of the last expression, the error and the
 * time.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { pythonTool } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const python = pythonTool({ timeoutSeconds: 10 });
 * const result = await createFlow({ model, tools: { python } }).solve("What is the 20th prime?");
 * await python.close();
 * ```
 */
export function pythonTool(options: PythonOptions & { readonly model: ChatModel }): PythonTool<{ query: string }>;
export function pythonTool(options?: Omit<PythonOptions, "model">): PythonTool<{ code: string }>;
export function pythonTool(options: PythonOptions = {}): PythonTool<{ query: string }> | PythonTool<{ code: string }> {
  checked("pythonTool", options, optionRules);
  const { model, timeoutSeconds = 10, outputLimit = 4096 } = options;
  let opened: Promise<Sandbox> | undefined;
  const sandbox = async (): Promise<Sandbox> => {
    opened ??= options.sandbox === undefined ? openSandbox() : Promise.resolve(options.sandbox);
    return opened;
  };
  const run = async (code: string, { abortSignal }: ToolContext): Promise<RunResult> =>
    (await sandbox()).runPython(code, { timeoutSeconds, outputLimit, abortSignal });
  const shared = {
    metadata,
    // A first start of the interpreter takes longer than a call.
    timeoutSeconds: timeoutSeconds * 2 + 60,
    check: async (context: ToolContext): Promise<string> => {
      const { value, error } = await run("6 * 7", context);
      if (value !== "42") throw new ToolError(`python: 6 * 7 gave ${value ?? error ?? "nothing"}.`);
      return `${(await sandbox()).tier}, 6 * 7 = 42`;
    },
    // A sandbox that was given belongs to who gave it.
    close: async (): Promise<void> => {
      if (options.sandbox === undefined) await (await opened)?.close();
    },
  };
  if (model === undefined)
    return {
      ...shared,
      ...tool<{ code: string }>({
        description: "Runs a Python program and gives what it prints and the value of its last line.",
        inputSchema: schemaOf("code", "The program. The value of its last expression is the result."),
        execute: async ({ code: written }, context) => {
          const code = codeIn(written);
          return outputOf(code, await run(code, context));
        },
      }),
    };
  return {
    ...shared,
    ...tool<{ query: string }>({
      description: "Writes a Python program for a task, runs it, and gives what it prints and its value.",
      inputSchema: schemaOf("query", "What to compute, with all values that are needed."),
      execute: async ({ query }, context) => {
        const messages: ChatMessage[] = [
          { role: "system", content: SYSTEM },
          { role: "user", content: query.slice(0, 4000) },
        ];
        const write = async (): Promise<string> => {
          const asked = { messages: [...messages], maxTokens: 800, temperature: 0, abortSignal: context.abortSignal };
          const { text } = await metered(model, context.meter, context.redact).complete(asked);
          messages.push({ role: "assistant", content: text });
          return programIn(text);
        };
        let code = await write();
        let result = await run(code, context);
        if (result.error !== undefined) {
          messages.push({
            role: "user",
            content: `It failed: ${result.error.slice(0, 800)}\nWrite the whole program again.`,
          });
          code = await write();
          result = await run(code, context);
        }
        return outputOf(code, result);
      },
    }),
  };
}

const SYSTEM =
  "You write one short Python 3 program that computes what is asked, with the standard library alone, no input, no network and no files. Its last line is the expression of the result. Write the program alone.";

const schemaOf = (name: string, description: string) => ({
  type: "object",
  properties: { [name]: { type: "string", description } },
  required: [name],
});

/** A fenced block from its first line on, to the fence that ends it. */
const FENCED = /(`{3,}|~{3,})[ \t]*(?:python3?|py)?[^\S\n]*\n?([\s\S]*?)(?:\1|$)/i;

/** A program without the fences around it. Its own white space stays as it is. */
const codeIn = (text: string): string => (/^\s*(?:`{3}|~{3})/.test(text) ? (FENCED.exec(text)?.[2] ?? text) : text);

/** The program in a reply: what stands between fences, else all of it. */
const programIn = (reply: string): string => FENCED.exec(reply)?.[2] ?? reply;

/** The end of what was printed that an error still shows. */
const SHOWN_OUTPUT = 300;

const outputOf = (code: string, { stdout, value, error, milliseconds, truncated }: RunResult): ToolOutput => {
  const printed = stdout.trimEnd();
  if (error !== undefined)
    throw new ToolError(`python: ${error}${printed === "" ? "" : `\nIt had printed: ${printed.slice(-SHOWN_OUTPUT)}`}`);
  const result = value ?? printed.split("\n").at(-1) ?? "";
  return {
    text: [
      ...(printed === "" ? [] : [printed]),
      ...(value === undefined ? [] : [`value: ${value}`]),
      ...(truncated ? ["(output was cut)"] : []),
    ].join("\n"),
    fields: {
      ...(result === "" || result.length > LONGEST_FIELD ? {} : { value: resultField(result) }),
      ms: { kind: "number", value: Math.round(milliseconds) },
    },
    source: `python: ${code.split("\n").length} lines`,
  };
};

const LONGEST_FIELD = 500;

/** A result as a value that later calls can refer to. A space separates values here, and never thousands. */
const resultField = (text: string): Field => {
  const days = /^(-?\d+) days?, 0:00:00$/.exec(text)?.[1];
  if (days !== undefined) return { kind: "number", value: Number(days), unit: "day" };
  return /\d\s+[\d.,]/.test(text) ? { kind: "text", value: text } : fieldOfText(text);
};
