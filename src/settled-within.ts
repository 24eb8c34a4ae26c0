import { sep } from "node:path";
import { fileURLToPath } from "node:url";
import { AgentFlowError, ConfigError, messageOf } from "./errors.ts";
import { codeFolder } from "./package-folder.ts";

/** A wait for code of somebody else: a configuration, a generator of tasks, a reward, the check of a tool. */
export interface Wait {
  readonly what: string;
  readonly giveUp: (why: string) => void;
}

const OWN = fileURLToPath(codeFolder);
const PACKAGES = `${sep}node_modules${sep}`;

const waits = new Set<Wait>();
let overdue = false;

/** All waits under way in this process: what an end without a word is explained by. */
export const openWaits = (): readonly Wait[] => [...waits];

/** Whether a deadline has passed: whatever was not done in time may hold the process for ever. */
export const isOverdue = (): boolean => overdue;

/** What somebody else's code threw, with whose it is and the place in it. Our own errors say so themselves. */
export const thrownBy = (what: string, thrown: unknown): AgentFlowError => {
  if (thrown instanceof AgentFlowError) return thrown;
  const name = thrown instanceof Error && thrown.name !== "Error" ? `${thrown.name}: ` : "";
  return new ConfigError(`${what} threw ${name}${messageOf(thrown)}${placeOf(thrown)}`, { cause: thrown });
};

/** Where an error was thrown, as ` (file:line:column)`, in the user's own code if that is on the way; else empty. */
export const placeOf = (thrown: unknown): string => {
  const lines = (thrown instanceof Error ? (thrown.stack ?? "") : "")
    .split("\n")
    .filter((one) => one.startsWith("    at ") && !/node:|<anonymous>/.test(one) && !one.includes(PACKAGES));
  const line = lines.find((one) => !one.includes(OWN)) ?? lines[0];
  return line === undefined
    ? ""
    : ` (${line.slice(line.lastIndexOf("(") + 1 || line.indexOf("at ") + 3).replace(")", "")})`;
};

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
