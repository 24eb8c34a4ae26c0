import { writeSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import { isOverdue, openWaits } from "../settled-within.ts";
import { INTERRUPTED } from "./interrupt.ts";
import { isUnread } from "./terminal.ts";
import { visible } from "./visible.ts";

/**
 * Runs a command to its end. A command that waits for what can never come fails with a line, and so does one whose
 * configuration or tools end the process under it.
 */
export const guarded = async (command: () => Promise<unknown>): Promise<void> => {
  let idle = 0;
  let done = false;
  const onExit = (code: number): void => {
    if (done || code === INTERRUPTED || isUnread()) return;
    const who = openWaits()[0]?.what ?? "Something that the command calls, such as a tool,";
    writeSync(2, `agentflow: ${visible(who)} ended the process (process.exit(${code})) before the command was done.\n`);
    process.exitCode = 1;
  };
  process.on("exit", onExit);
  try {
    await new Promise<unknown>((resolve, reject) => {
      process.on("beforeExit", () => {
        if (done) return;
        for (const { giveUp } of openWaits()) giveUp("can never be done: nothing is left in this process to wait for");
        idle += 1;
        // What was given up takes its course; only when nothing comes of that is the command given up as a whole.
        if (idle > 1 && openWaits().length === 0)
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
    if (isOverdue()) setTimeout(() => process.exit(), 1000).unref();
  }
};
