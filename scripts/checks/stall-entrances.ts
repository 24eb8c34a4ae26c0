import type { Entrance } from "./stall.ts";
import { fileEntrances } from "./stall-files.ts";
import { parseEntrances } from "./stall-parse.ts";
import { terminalEntrances } from "./stall-terminal.ts";
import { textEntrances } from "./stall-text.ts";

/** Every way in, with hostile texts. */
export const entrances: readonly Entrance[] = [
  ...textEntrances,
  ...terminalEntrances,
  ...fileEntrances,
  ...parseEntrances,
];
