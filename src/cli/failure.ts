import type { Screen } from "./screen.ts";
import { sideScreen } from "./terminal.ts";
import { wrap } from "./text-width.ts";
import { visible } from "./visible.ts";

const MOST_CAUSES = 8;

/** What was thrown as lines: its message in one, or with `debug` where it comes from and what caused it, indented. */
export const failureLines = (thrown: unknown, debug: boolean): string[] => {
  if (!debug || !(thrown instanceof Error)) return [oneLine(readable(thrown, "message"))];
  const [first = [], ...causes] = chainOf(thrown).map(stackLines);
  const [message = "", ...places] = [
    ...first,
    ...causes.flatMap(([cause, ...rest]) => [`caused by ${cause}`, ...rest]),
  ];
  return [message, ...places.map((line) => `  ${line}`)];
};

const chainOf = (error: unknown, known: readonly unknown[] = []): readonly unknown[] =>
  error === undefined || known.includes(error) || known.length === MOST_CAUSES
    ? known
    : chainOf(error instanceof Error ? error.cause : undefined, [...known, error]);

/** A stack begins with the message: its line breaks are not lines of the stack. */
const stackLines = (error: unknown): string[] => {
  const message = readable(error, "message");
  return readable(error, "stack")
    .replace(message, () => oneLine(message))
    .split("\n");
};

/** Anything may be thrown, also what has no text, or whose text throws. */
const readable = (thrown: unknown, from: "message" | "stack"): string => {
  try {
    return String(thrown instanceof Error ? (thrown[from] ?? thrown.message) : thrown);
  } catch {
    return "an error that cannot be read";
  }
};

const oneLine = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
    .trim();

/** Says on stderr why the command ended. AGENTFLOW_DEBUG=1 shows where the error comes from. */
export const showFailure = (thrown: unknown): void =>
  showFailureOn(sideScreen(), thrown, process.env.AGENTFLOW_DEBUG === "1");

/** The same on a screen: between words where a person reads it, and in one line for a program. */
export const showFailureOn = (screen: Screen, thrown: unknown, debug: boolean): void => {
  const [first = "", ...rest] = failureLines(thrown, debug);
  const message = visible(`agentflow: ${first}`);
  for (const line of screen.interactive ? wrap(message, screen.width) : [message]) screen.line(line);
  for (const line of rest) screen.line(line);
};

/** Says itself what Node would print past every stream: warnings, and errors that nobody caught, which end the command. */
export const takeReports = (): void => {
  // Without a listener warnings are off (NODE_NO_WARNINGS).
  if (process.listenerCount("warning") > 0) {
    process.removeAllListeners("warning");
    process.on("warning", (warning) => sideScreen().line(`warning: ${oneLine(readable(warning, "message"))}`));
  }
  process.on("uncaughtException", (error) => {
    showFailure(error);
    process.exit(1);
  });
};
