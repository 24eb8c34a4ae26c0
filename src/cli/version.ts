import { readFileSync } from "node:fs";
import { packageFolder } from "../package-folder.ts";

/** Of this package. */
export const { version } = JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8")) as {
  readonly version: string;
};
