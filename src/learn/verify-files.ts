import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { messageOf } from "../errors.ts";

/** What a run that is done again cannot tell, by name: printed, so that nobody takes it for verified. */
export const notCovered = [
  "timings.jsonl: wall time",
  "seconds in report.json, phases.json and checkpoints: wall time",
  "run in report.json: the name that the folder had",
  "config.json: names of model and project, and the hash of a configuration; weights and tasks are compared",
  "options.json: names of environment and model",
  "index.sqlite: its seal and how far it reaches are compared, its rows are not",
] as const;

/** Files that nothing is done again for: what comes and goes, what is wall time, and what is read to do it again. */
const isApart = (name: string): boolean =>
  /^(?:\.owner|\.queue|index\.sqlite|replies\/)/.test(name) || name === "timings.jsonl" || name === "seal.json";

/** Values that are not done again, by file. They are taken as they were kept. */
const loose: readonly (readonly [RegExp, readonly (readonly string[])[]])[] = [
  [/^report\.json$/, [["seconds"]]],
  [/^phases\.json$/, [["seconds"], ["check"], ["extents", "timings.jsonl"]]],
  [
    /^options\.json$/,
    [
      ["options", "environment"],
      ["options", "model"],
    ],
  ],
  [
    /^checkpoints\/[^/]+\/progress\.json$/,
    [
      ["state", "spent"],
      ["extents", "timings.jsonl"],
      ["extents", "phases.json"],
    ],
  ],
  // Its own hash is compared when the checkpoint is read.
  [/^checkpoints\/[^/]+\/manifest\.json$/, [["files", "progress.json"]]],
];

export const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();

/**
 * Every file of a run that is not what the same run came to when it was done again, a line each that begins with the
 * file's name. `isCompared` limits it to some files.
 */
export const filesThatDiffer = async (
  kept: string,
  again: string,
  isCompared: (name: string) => boolean = () => true,
): Promise<string[]> => {
  const [was, is] = [new Set(await filesIn(kept)), new Set(await filesIn(again))];
  const found: string[] = [];
  for (const name of [...new Set([...was, ...is])].sort()) {
    if (isApart(name) || !isCompared(name)) continue;
    if (!was.has(name)) found.push(`${name} is missing: the run writes it`);
    else if (!is.has(name)) found.push(`${name} is nothing that the run writes`);
    else {
      const difference = differenceIn(name, await readFile(join(kept, name)), await readFile(join(again, name)));
      if (difference !== undefined) found.push(`${name}: ${difference}`);
    }
  }
  return found;
};

const differenceIn = (name: string, was: Buffer, is: Buffer): string | undefined => {
  if (was.equals(is)) return undefined;
  const paths = loose.find(([names]) => names.test(name))?.[1] ?? [];
  if (!name.endsWith(".json")) return bytesThatDiffer(was, is);
  try {
    const [before, now] = [JSON.parse(was.toString("utf8")) as unknown, JSON.parse(is.toString("utf8")) as unknown];
    const expected = paths.reduce((value, path) => withValueOf(before, value, path), now);
    // As it would have been written: with or without line breaks.
    const written = is.toString("utf8").includes("\n  ") ? JSON.stringify(expected, null, 2) : JSON.stringify(expected);
    if (was.toString("utf8").trimEnd() === written) return undefined;
    return valueThatDiffers(before, expected) ?? bytesThatDiffer(was, is);
  } catch (error) {
    return `it is damaged: ${messageOf(error)}`;
  }
};

const bytesThatDiffer = (was: Buffer, is: Buffer): string => {
  const hash = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  return `${was.length} bytes with the SHA-256 ${hash(was)}… are there, and the run comes to ${is.length} with ${hash(is)}…`;
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `value` with what `source` has at a path; where the source has nothing there, so has the result. */
const withValueOf = (source: unknown, value: unknown, [key, ...rest]: readonly string[]): unknown => {
  if (key === undefined) return source;
  if (!isRecord(source) || !isRecord(value)) return value;
  if (!Object.hasOwn(source, key)) {
    const { [key]: _, ...others } = value;
    return others;
  }
  const inner = rest.length === 0 ? source[key] : withValueOf(source[key], value[key], rest);
  return Object.hasOwn(value, key) || rest.length === 0 ? { ...value, [key]: inner } : value;
};

/** Where two values differ first, in words. */
const valueThatDiffers = (was: unknown, is: unknown, path = ""): string | undefined => {
  if (isRecord(was) && isRecord(is)) {
    for (const key of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const found = valueThatDiffers(was[key], is[key], path === "" ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const [before, now] = [JSON.stringify(was), JSON.stringify(is)].map((text) => (text ?? "nothing").slice(0, 120));
  return before === now && JSON.stringify(was) === JSON.stringify(is)
    ? undefined
    : `${path} was ${before} and is ${now}`;
};
