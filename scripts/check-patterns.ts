/**
 * Regular expressions take time in proportion to their text. Looks at each one in `src/`, by `recheck`: by automata or,
 * where these cannot tell (look-arounds, back-references), by attacks. Polynomial time counts as much as exponential: on
 * 100,000 spaces before a letter, `\s+$` takes ten seconds. Exceptions are data, with their reasons.
 *
 *   npm run patterns
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { check as analyse } from "recheck";
import { type FoundPattern, findPatterns } from "./checks/find-patterns.ts";
import { builtPatterns, exceptions } from "./checks/pattern-exceptions.ts";

/** Patterns that have to be caught, each slow in a way of its own. */
const slow = [
  "\\s+$",
  ".*x.*y",
  "^(.*?)\\s*#",
  "(a+)+b",
  "<a>(.*?)</a>",
  "(\\w)+\\1$",
  "^#{1,4}\\s+(.+?)\\s*#*$",
  "\\\\boxed\\s*\\{(.*)\\}",
  "^\\W*decision\\W*[:=]\\s*(.+)$",
  "(?:a|b)*\\s*When ready[^]*$",
  "<meta[^>]+charset=[\"']?([\\w-]+)",
  "\\/+$",
];

/** Without an unlimited repetition a pattern takes no more than a constant time at each place. */
const isBounded = (pattern: string): boolean => !/[*+]|,\}/.test(pattern);

/** What is wrong with a pattern; undefined for one that is linear. Limits are counts, not times: a slow machine sees the same. */
const faultOf = async (pattern: string, flags: string): Promise<string | undefined> => {
  if (isBounded(pattern)) return undefined;
  const found = await analyse(pattern, flags, {
    timeout: 120_000,
    attackTimeout: null,
    incubationTimeout: null,
    seedingTimeout: null,
    attackLimit: 5_000_000,
    maxAttackStringSize: 20_000,
    maxIteration: 2,
    // Beyond it automata take minutes, and attacks a second.
    maxNFASize: 2000,
    maxInitialGenerationSize: 100,
    maxGenerationSize: 20,
    mutationSize: 10,
    crossoverSize: 5,
  });
  if (found.status === "safe") return undefined;
  return found.status === "unknown" ? `cannot be judged (${found.error.kind})` : found.complexity.summary;
};

const root = fileURLToPath(new URL("..", import.meta.url));
const isShipped = (file: string): boolean => file.endsWith(".ts") && !file.endsWith(".test.ts");
const files = (readdirSync(join(root, "src"), { recursive: true }) as string[])
  .map((file) => `src/${file.replaceAll("\\", "/")}`)
  .filter(isShipped)
  .sort();
const patterns = files.flatMap((file) => findPatterns(file, readFileSync(join(root, file), "utf8")));

const missed = (await Promise.all(slow.map(async (pattern) => ((await faultOf(pattern, "")) ? [] : [pattern])))).flat();
console.log(`of ${slow.length} slow patterns ${slow.length - missed.length} are caught`);

const used = new Set<object>();
const judge = async ({ file, line, pattern, flags, source }: FoundPattern): Promise<string | undefined> => {
  const named = exceptions.find((one) => one.file === file && one.pattern === source);
  const built = builtPatterns.find((one) => one.file === file && source.startsWith(one.begins));
  for (const known of [named, built]) if (known !== undefined) used.add(known);
  if (named !== undefined) return undefined;
  if (pattern === undefined && built === undefined)
    return `${file}:${line} puts a pattern together, ${source}: write a literal, or add it to builtPatterns.`;
  const fault = await faultOf(pattern ?? built?.suchAs ?? "", pattern === undefined ? (built?.flags ?? "") : flags);
  return fault === undefined ? undefined : `${file}:${line} ${fault}: /${source}/${flags}`;
};
const faults = (await Promise.all(patterns.map(judge))).filter((fault) => fault !== undefined);
for (const pattern of missed) faults.push(`${pattern} is slow and was not caught`);
for (const unused of [...exceptions, ...builtPatterns].filter((known) => !used.has(known)))
  faults.push(`${unused.file}: the exception "${unused.why}" fits no pattern any more`);

for (const fault of faults) console.error(fault);
console.log(`patterns: ${patterns.length} in ${files.length} files, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);
