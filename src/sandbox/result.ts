import type { RunResult } from "./sandbox.ts";

/** A child's word is not taken on trust: it may be what the program made it say. */
export const resultOf = (line: string, limit: number): RunResult => {
  const said = parse(line);
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value.slice(0, limit) : undefined);
  const [stdout, value, error] = [text(said.stdout), text(said.value), text(said.error)];
  if (stdout === undefined)
    return { stdout: "", error: "The sandbox gave no result that can be read.", milliseconds: 0, truncated: true };
  return {
    stdout,
    ...(value === undefined ? {} : { value }),
    ...(error === undefined ? {} : { error }),
    milliseconds: typeof said.milliseconds === "number" ? said.milliseconds : 0,
    truncated: said.truncated === true,
  };
};

const parse = (line: string): Partial<Record<keyof RunResult, unknown>> => {
  try {
    return (JSON.parse(line) ?? {}) as Partial<Record<keyof RunResult, unknown>>;
  } catch {
    // No JSON says nothing: the caller is told that there is no result.
    return {};
  }
};
