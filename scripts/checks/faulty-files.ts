import { fileURLToPath, pathToFileURL } from "node:url";

/** The moment at which a process dies, or from which on its disk is full: its k-th change of a file. */
export interface FileFault {
  readonly crashAt?: number | undefined;
  readonly fullAt?: number;
}

/** The environment of a process with such a fault. */
export const faulty = ({ crashAt, fullAt }: FileFault): Record<string, string> => ({
  NODE_OPTIONS: `--import=${pathToFileURL(fileURLToPath(new URL("./faulty-files.mjs", import.meta.url)))}`,
  ...(crashAt === undefined ? {} : { CRASH_AT: String(crashAt) }),
  ...(fullAt === undefined ? {} : { FULL_AT: String(fullAt) }),
});
