import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A process that answers JSON lines with JSON lines (lines.py is the other end). */
export interface LineProcess {
  /** What it said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Throws `Error` with its words when the question failed, or when it is gone. */
  ask(question: { readonly do: string; readonly [key: string]: unknown }): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
}

/** Why a process did not start: `missing` names packages that would have to be installed. */
export class NotThere extends Error {
  readonly missing: readonly string[];
  constructor(message: string, missing: readonly string[] = []) {
    super(message);
    this.missing = missing;
  }
}

/** The Python of the scripts. */
export const python = process.env.AGENTFLOW_PYTHON ?? "python3";

/** The line of a traceback that says most. */
const gist = (complaint: string): string => {
  const lines = complaint.trim().split("\n");
  return (lines.findLast((line) => /^\s*\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? "").trim();
};

/** Starts it and waits until it is ready. Throws `NotThere`. */
export const startLines = async (command: string, args: readonly string[]): Promise<LineProcess> => {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  child.on("error", (failure) => {
    complaint += failure.message;
  });
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = endOf(child);
  const next = async (): Promise<Readonly<Record<string, unknown>>> => {
    const line = await lines.next();
    if (!line.done) return JSON.parse(line.value) as Record<string, unknown>;
    await ended;
    throw new NotThere(`${command} ended: ${gist(complaint)}`);
  };
  const first = await next();
  if (Array.isArray(first.missing)) {
    await ended;
    throw new NotThere(`${command} has no ${first.missing.join(", ")}`, first.missing.map(String));
  }
  if (typeof first.error === "string") throw new NotThere(first.error);
  return {
    ready: (first.ready ?? {}) as Record<string, unknown>,
    ask: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const answer = await next();
      if (typeof answer.error === "string") throw new Error(`${args[0]}, ${question.do}: ${answer.error}`);
      return answer;
    },
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

const endOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on("close", () => resolve());
    child.on("error", () => resolve());
  });
