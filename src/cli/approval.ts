import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { parseInput } from "../flow/schema.ts";
import type { FlowState } from "../module.ts";
import type { ToolCall } from "../trajectory.ts";
import { canAsk, sideScreen } from "./terminal.ts";
import { ascii, visible } from "./visible.ts";

/** Somebody at the terminal, who is shown each call whole before it is made. */
export interface Approval {
  readonly approve: (call: ToolCall, state: FlowState) => Promise<boolean>;
  close(): void;
}

/** Longer or deeper calls are refused: nobody reads them at a prompt. */
const MOST_LETTERS = 100_000;
const MOST_LEVELS = 32;
const PAGE = 40;
/** Milliseconds in which what was typed ahead arrives, and is dropped. */
const TYPED_AHEAD = 50;

/** Opens the prompt of `--approve`. `beforeAsking` takes away what else stands in the terminal's last line. */
export const openApproval = (beforeAsking: () => void): Approval => {
  const screen = sideScreen();
  if (!canAsk())
    return {
      approve: async ({ tool }) => {
        screen.line(`${tool} is not called: nobody can approve it, as stdin and stderr are not a terminal.`);
        return false;
      },
      close: () => undefined,
    };
  let answered: ((line: string) => void) | undefined;
  let ended = false;
  // No terminal of readline's: it writes nothing, and what is typed without a question is dropped.
  const reader = createInterface({ input: process.stdin, terminal: false });
  reader.on("line", (line) => answered?.(line.trim().toLowerCase()));
  reader.on("close", () => {
    ended = true;
    answered?.("n");
  });
  const ask = async (question: string): Promise<string> => {
    await wait(TYPED_AHEAD);
    if (ended) return "n";
    screen.ask(question);
    const answer = await new Promise<string>((resolve) => {
      answered = resolve;
    });
    answered = undefined;
    return answer;
  };
  const approve = async (call: ToolCall, state: FlowState): Promise<boolean> => {
    beforeAsking();
    const whole = await shownCall(call, state);
    const problem = tooMuch(whole);
    if (problem !== undefined) {
      screen.line(`${call.tool} is not called: its input is ${problem}, more than can be approved at a prompt.`);
      return false;
    }
    const lines = callLines(whole, screen.width);
    for (let from = 0; from < lines.length; from += PAGE) {
      if (from > 0 && (await ask(`Line ${from} of ${lines.length}. Enter shows more, n refuses: `)) !== "")
        return false;
      for (const line of lines.slice(from, from + PAGE)) screen.line(line);
    }
    return /^y(?:es)?$/.test(await ask("Make this call? [y/N] "));
  };
  return { approve, close: () => reader.close() };
};

/** The call, and beside it what the tool's own schema makes of the input, where that is something else. */
const shownCall = async ({ tool, input }: ToolCall, { tools }: FlowState): Promise<object> => {
  const schema = Object.hasOwn(tools, tool) ? tools[tool]?.inputSchema : undefined;
  const parsed = schema === undefined ? { value: input } : await parseInput(schema, input);
  const got = "problem" in parsed ? input : parsed.value;
  try {
    return JSON.stringify(got) === JSON.stringify(input) ? { tool, input } : { tool, input, inputAsTheToolGetsIt: got };
  } catch {
    return { tool, input, inputAsTheToolGetsIt: "something that JSON cannot show" };
  }
};

const tooMuch = (value: unknown): string | undefined => {
  if (levelsOf(value, 0) > MOST_LEVELS) return `nested deeper than ${MOST_LEVELS} levels`;
  const { length } = JSON.stringify(value);
  return length > MOST_LETTERS ? `${length} characters long` : undefined;
};

const levelsOf = (value: unknown, level: number): number =>
  typeof value !== "object" || value === null || level > MOST_LEVELS
    ? level
    : Object.values(value).reduce<number>((most, inner) => Math.max(most, levelsOf(inner, level + 1)), level);

/**
 * A value as JSON, a line a key, each with its number before a bar. What does not fit into a line continues in lines without a
 * number, so that no value can pose as a key. Keys are ASCII; a line with other letters is marked, as they may look like
 * ASCII ones.
 */
export const callLines = (value: object, width: number): string[] => {
  const lines = JSON.stringify(value, null, 2).split("\n");
  const digits = String(lines.length).length;
  const room = width - digits - 3;
  return lines.flatMap((line, i) => {
    const [key = ""] = /^\s*"(?:[^"\\]|\\.)*":/u.exec(line) ?? [];
    const text = ascii(key) + visible(line.slice(key.length)).replace(/(?! )\p{Z}/gu, ascii);
    const mark = /[^ -~]/u.test(line) ? "!" : " ";
    return piecesOf(text, room).map(
      (piece, j) => `${(j === 0 ? String(i + 1) : "").padStart(digits)}${mark}| ${piece}`,
    );
  });
};

/** Pieces of at most `room` cells; a letter beyond ASCII is taken to fill two. */
const piecesOf = (text: string, room: number): string[] => {
  const pieces: string[] = [];
  let [piece, cells] = ["", 0];
  for (const letter of text) {
    const wide = letter > "~" ? 2 : 1;
    if (cells + wide > room) {
      pieces.push(piece);
      [piece, cells] = ["", 0];
    }
    piece += letter;
    cells += wide;
  }
  return [...pieces, piece];
};
