import { StringDecoder } from "node:string_decoder";
import { type Screen, screenOn } from "./screen.ts";
import { visible } from "./visible.ts";

type Done = (error?: Error | null) => void;

/** A stream as Node made it, whatever takes its place later. */
const original = (of: NodeJS.WriteStream) => {
  const { write } = of;
  return { of, write: (text: string, done?: Done): boolean => Reflect.apply(write, of, [text, done]) };
};

/**
 * The two streams of this process. This is the only file that names them: all that the commands write goes through a
 * `Screen`, and what other code in the process writes is made visible by `guardStreams`.
 */
const streams = { stdout: original(process.stdout), stderr: original(process.stderr) };

const screenTo = (name: keyof typeof streams, quiet: boolean): Screen => {
  const { of, write } = streams[name];
  const { isTTY, columns } = of;
  return screenOn({ stream: { isTTY, columns, write }, environment: process.env, quiet });
};

/** Where a command shows what it does: stdout, or stderr where stdout is for JSON. */
export const openScreen = ({ json = false, quiet = false } = {}): Screen => screenTo(json ? "stderr" : "stdout", quiet);

/** Progress, prompts and errors: stderr. */
export const sideScreen = ({ quiet = false } = {}): Screen => screenTo("stderr", quiet);

/** Writes the result of a command with `--json`: one line on stdout. */
export const writeJson = (value: object): void => openScreen().json(value);

/** Both streams as a protocol uses them: messages for a program, which nothing makes visible. */
export const stdio = (): {
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (text: string) => void;
  /** Reads no more: a client that keeps its end open holds nothing up. */
  readonly leave: () => void;
} => ({
  input: process.stdin,
  write: (text) => void streams.stdout.write(text),
  leave: () => void process.stdin.destroy(),
});

/** Whether a person can read a prompt on stderr and type an answer. */
export const canAsk = (): boolean => process.stdin.isTTY === true && streams.stderr.of.isTTY === true;

let broken = false;

/** Whether this process ends because nobody reads what it writes any more, such as `head`. */
export const isUnread = (): boolean => broken;

/**
 * Takes both streams from all other code: what a library warns of or a project's tool logs may be a page's text. It goes
 * to stderr, made visible; stdout stays what the command says. Who reads no further, such as `head`, ends the command.
 */
export const guardStreams = (): void => {
  for (const { of } of Object.values(streams)) {
    const decoder = new StringDecoder("utf8");
    const foreign = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
      const text = typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk));
      const done = rest.find((argument): argument is Done => typeof argument === "function");
      return streams.stderr.write(text.split("\n").map(visible).join("\n"), done);
    };
    of.write = foreign;
    of.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      broken = true;
      process.exit(1);
    });
  }
};
