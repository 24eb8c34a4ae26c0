/**
 * Looks for phrases that no native engineer would write, in Markdown, and in the comments and texts of the code: prints
 * each with its place and what to write instead, and fails when there is one. Phrases are found across line breaks.
 *
 *   npm run words
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A phrase, as a regular expression whose spaces stand for any white space, and what to write. */
const rules: readonly (readonly [phrase: string, write: string])[] = [
  ["(?:go|goes|going|went|gone) on\\b(?! (?:a|the|one)\\b)", "continue, resume, keep …ing"],
  ["what was run", "list, inspect and resume runs"],
  ["what a crash costs", "steps between checkpoints"],
  ["so many(?! that\\b)", "n, at most n, this many"],
  ["(?:for|after|at most|given) so (?:long|much|often)(?! (?:that|as)\\b)", "a time limit, this long"],
  ["SQL of people", "SQL from users"],
  ["texts? of outsiders", "untrusted text"],
  ["(?:is|are|was|were|be|been) told(?! apart\\b)", "sees, gets, is given, knows"],
  ["nobody (?:says|said|knows|asked)", "by default, unknown"],
  ["(?:is|are|was|were|what was) passed over", "is skipped"],
  ["(?:is|are|was|were|be|been) taken back", "is undone"],
  ["run(?:s)? that died", "an interrupted run"],
  ["what it costs nothing to", "say what the field is"],
  ["dear to", "expensive to"],
  ["at work on", "working on"],
  ["(?:have|has) (?:their|its) turn", "other work runs"],
  ["keeps time and memory", "enforces the limits of time and memory"],
  ["as one that died", "as a dead one"],
  [
    "(?<!there )is no (?:JSON|text|number|address|folder|file|model|object|record|answer|sample|tool|plan)\\b",
    "is not a …",
  ],
  ["(?:source|bytes|text|what|it|grants) (?:is|are) none(?! of\\b)", "is not one, is invalid"],
  ["(?:begun|began) anew", "started again"],
  ["of (?:adapters|a project) another", "its own default"],
  ["bring (?:a|the) \\w+ here", "download, install"],
  ["proved by reading", "verified by reading"],
];

/** Texts that a model reads: a change of them changes what it answers, so they stay as they were trained and measured. */
const kept: Readonly<Record<string, readonly string[]>> = {
  "src/flow/model/planner-prompt.ts": ["Then you are told what came of it", "Go on until the result"],
  "src/flow/model/executor.ts": ["it is no JSON object"],
};

const root = join(import.meta.dirname, "..");
const within = (folder: string, accepts: (file: string) => boolean): string[] =>
  (readdirSync(join(root, folder), { recursive: true }) as string[])
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
    .filter((file) => accepts(file) && !file.includes("node_modules/"));
const isCode = (file: string): boolean =>
  file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "scripts/check-words.ts";
const isShown = (file: string): boolean => isCode(file) || file.endsWith(".md");

const files = [
  ...["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"],
  ...within("docs", isShown),
  ...within("data/project", isShown),
  ...["src", "scripts", "bench", "examples"].flatMap((folder) => within(folder, isCode)),
];

/** What joins the lines of a comment or of a text in code, as blanks: offsets stay as they are. */
const joined = (text: string): string =>
  text.replace(/["'`]\s*\+\n\s*["'`]|\n[ \t]*(?:\*(?!\/)|\/\/)?/g, (mark) => " ".repeat(mark.length));

const patterns = rules.map(([phrase, write]) => ({
  pattern: new RegExp(`\\b(?:${phrase.replaceAll(" ", "\\s+")})`, "gi"),
  write,
}));

let faults = 0;
for (const file of files) {
  let text = readFileSync(join(root, file), "utf8");
  for (const passage of kept[file] ?? []) text = text.replace(passage, " ".repeat(passage.length));
  const flat = joined(text);
  for (const { pattern, write } of patterns)
    for (const { 0: found, index } of flat.matchAll(pattern)) {
      const line = text.slice(0, index).split("\n").length;
      console.error(`${file}:${line} "${found.replace(/\s+/g, " ")}": write ${write}`);
      faults += 1;
    }
}
console.log(`words: ${files.length} files, ${rules.length} phrases, ${faults} faults`);
if (faults > 0) process.exitCode = 1;
