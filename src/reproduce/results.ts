import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { writeDurably } from "../store/durable.ts";
import type { ArmResult } from "./result.ts";

/** Where a reproduction keeps what its arms have come to, one file an arm and seed, named by its key. */
export interface Results {
  /** Undefined when it has not been run. Throws `StoreError` for a file that is damaged. */
  read(name: string, seed: number, key: string): Promise<ArmResult | undefined>;
  write(result: ArmResult): Promise<void>;
  /** The folder in which an arm works. */
  workOf(name: string, seed: number, key: string): string;
}

const wordOf = (name: string): string => name.replaceAll(" ", "-");

export const openResults = async (folder: string): Promise<Results> => {
  await makeFolder(join(folder, "arms"));
  const pathOf = (name: string, seed: number, key: string): string =>
    join(folder, "arms", `${wordOf(name)}-${seed}-${key}.json`);
  return {
    read: async (name, seed, key) => {
      const path = pathOf(name, seed, key);
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw new StoreError(`Cannot read ${path}: ${error.message}`, { cause: error });
      });
      if (text === undefined) return undefined;
      try {
        const result = JSON.parse(text) as ArmResult;
        if (result.schemaVersion === 1 && result.key === key && result.arm === name) return result;
        throw new TypeError(`it is of ${String(result.arm)}, ${String(result.key)}`);
      } catch (cause) {
        throw new StoreError(`${path} is damaged: ${messageOf(cause)}. Remove it, and the arm is run again.`, {
          cause,
        });
      }
    },
    write: (result) =>
      writeDurably(pathOf(result.arm, result.seed, result.key), `${JSON.stringify(result, null, 1)}\n`),
    workOf: (name, seed, key) => join(folder, "work", `${wordOf(name)}-${seed}-${key}`),
  };
};
