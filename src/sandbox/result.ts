import { defined } from "../options.ts";
import type { Child } from "./child.ts";
import type { RunResult } from "./sandbox.ts";

/** What a child says of its program: what that printed, and the line of its result where it came to one. */
export interface Outcome {
  readonly line: string | undefined;
  readonly stdout: string;
  readonly truncated: boolean;
}

/** Reads what a child says, to its result or its end. Output comes piece by piece, so that it is there without a result. */
export const outcomeOf = async (child: Child, limit: number): Promise<Outcome> => {
  let printed = "";
  let line = await child.line();
  for (; line?.startsWith('"') === true; line = await child.line()) {
    const piece = parse(line);
    if (typeof piece === "string" && printed.length <= limit) printed += piece;
  }
  return { line, stdout: wellFormed(printed.slice(0, limit)), truncated: printed.length >= limit };
};

/**
 * A child's word is not taken on trust: it may be what the program made it say. Texts are cut to `limit`, half letters
 * replaced; the time is the caller's.
 */
export const resultOf = (line: string, limit: number, milliseconds = 0): RunResult => {
  const said = parse(line) as Partial<Record<keyof RunResult, unknown>>;
  const text = (value: unknown): string | undefined =>
    typeof value === "string" ? wellFormed(value.slice(0, limit)) : undefined;
  const [stdout, value, error] = [text(said.stdout), text(said.value), text(said.error)];
  if (stdout === undefined)
    return { stdout: "", error: "The sandbox gave no result that can be read.", milliseconds, truncated: true };
  const cut = [said.stdout, said.value, said.error].some((whole) => typeof whole === "string" && whole.length > limit);
  return {
    stdout,
    ...defined({ value, error }),
    milliseconds,
    truncated: said.truncated === true || cut,
  };
};

/** Without halves of surrogate pairs, which no file and no request can hold. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, "\ufffd");

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    // Without JSON there is no result, and the caller sees that.
    return {};
  }
};
