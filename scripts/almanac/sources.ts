import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where facts came from, as the manifest records it: the version, the licence and the exact bytes that were read. */
export interface Source {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly used: string;
  readonly files: Readonly<Record<string, string>>;
}

export const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

export const sha256 = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Reads files of one installed npm package and remembers the hash of each. */
export const openPackage = (name: string) => {
  const folder = join(projectRoot, "node_modules", name);
  const files: Record<string, string> = {};
  const read = (file: string): string => {
    const bytes = readFileSync(join(folder, file));
    files[file] = sha256(bytes);
    return bytes.toString("utf8");
  };
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return {
    read,
    readJson: <T>(file: string): T => JSON.parse(read(file)) as T,
    source: (licence: string, used: string): Source => ({ name: `npm ${name}`, version, licence, used, files }),
  };
};

/** Lower-case ASCII words joined by hyphens, for the address of a page. */
export const slugOf = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

/** A number to at most four decimals, so that answers have one plain spelling. */
export const toFourDecimals = (value: number): number => Number(value.toFixed(4));

/** The distinct names in order, without empty ones. */
export const namesOf = (...names: readonly (string | undefined)[]): readonly string[] => [
  ...new Set(names.filter((name): name is string => name !== undefined && name !== "")),
];

/** The items by key, keys in order of first appearance. */
export const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
};
