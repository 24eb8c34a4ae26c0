import type { RunResult } from "./sandbox.ts";

/**
 * A child's word is not taken on trust: it may be what the program made it say. Texts are cut to `limit`, half letters
 * replaced, the time is a number between 0 and `mostMilliseconds`.
 */
export const resultOf = (
  line: string,
  limit: number,
  mostMilliseconds: number = Number.MAX_SAFE_INTEGER,
): RunResult => {
  const said = parse(line);
  const text = (value: unknown): string | undefined =>
    typeof value === "string" ? wellFormed(value.slice(0, limit)) : undefined;
  const [stdout, value, error] = [text(said.stdout), text(said.value), text(said.error)];
  if (stdout === undefined)
    return { stdout: "", error: "The sandbox gave no result that can be read.", milliseconds: 0, truncated: true };
  const { milliseconds } = said;
  const cut = [said.stdout, said.value, said.error].some((whole) => typeof whole === "string" && whole.length > limit);
  return {
    stdout,
    ...(value === undefined ? {} : { value }),
    ...(error === undefined ? {} : { error }),
    milliseconds: typeof milliseconds === "number" ? Math.min(Math.max(0, milliseconds), mostMilliseconds) : 0,
    truncated: said.truncated === true || cut,
  };
};

/** Without halves of surrogate pairs, which no file and no request can hold. */
const wellFormed = (text: string): string => text.replace(/\p{Surrogate}/gu, "\ufffd");

const parse = (line: string): Partial<Record<keyof RunResult, unknown>> => {
  try {
    return (JSON.parse(line) ?? {}) as Partial<Record<keyof RunResult, unknown>>;
  } catch {
    // No JSON says nothing: the caller is told that there is no result.
    return {};
  }
};
