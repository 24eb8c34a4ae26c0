import { writeSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import { INTERRUPTED } from "./interrupt.ts";
import { isUnread } from "./terminal.ts";
import { visible } from "./visible.ts";

/** A wait for code of somebody else: a configuration, a generator of tasks, a reward, the check of a tool. */
interface Wait {
  readonly what: string;
  readonly giveUp: (why: string) => void;
}

/** All waits under way in this process: what an end without a word is explained by. */
const waits = new Set<Wait>();

/** Set once a deadline has passed: whatever was not done in time may hold the process for ever. */
let overdue = false;

/**
 * The result of somebody else's code. Throws `ConfigError` after a deadline, and at once when nothing is left in this
 * process that could still settle it: Node would then end with code 13 and without a word.
 */
export const settledWithin = async <T>(seconds: number, what: string, work: () => T | PromiseLike<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  let wait: Wait | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const giveUp = (why: string): void =>
        reject(new ConfigError(`${what} ${why}. Look for an await of a promise that never settles.`));
      const late = (): void => {
        overdue = true;
        giveUp(`is not done after ${seconds} seconds`);
      };
      wait = { what, giveUp };
      waits.add(wait);
      // Unreferenced: where nothing else keeps the process, waiting on is in vain, and `guarded` says so at once.
      timer = setTimeout(late, seconds * 1000).unref();
      Promise.resolve(work()).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    if (wait !== undefined) waits.delete(wait);
  }
};

/**
 * Runs a command to its end. A command that waits for what can never come fails with a line, and so does one whose
 * configuration or tools end the process under it.
 */
export const guarded = async (command: () => Promise<unknown>): Promise<void> => {
  let idle = 0;
  let done = false;
  const onExit = (code: number): void => {
    if (done || code === INTERRUPTED || isUnread()) return;
    const who = [...waits].map(({ what }) => what)[0] ?? "Something that the command calls, such as a tool,";
    writeSync(2, `agentflow: ${visible(who)} ended the process (process.exit(${code})) before the command was done.\n`);
    process.exitCode = 1;
  };
  process.on("exit", onExit);
  try {
    await new Promise<unknown>((resolve, reject) => {
      process.on("beforeExit", () => {
        if (done) return;
        for (const { giveUp } of [...waits]) giveUp("can never be done: nothing is left in this process to wait for");
        idle += 1;
        // What was given up takes its course; only when nothing comes of that is the command given up as a whole.
        if (idle > 1 && waits.size === 0)
          reject(
            new ConfigError(
              "The command waits for something that can never come: a promise that never settles, of a tool, a model or a configuration.",
            ),
          );
        setImmediate(() => undefined);
      });
      command().then(resolve, reject);
    });
  } finally {
    done = true;
    process.off("exit", onExit);
    if (overdue) setTimeout(() => process.exit(), 1000).unref();
  }
};
