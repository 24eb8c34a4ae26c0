/**
 * What a flow costs besides its models, side by side with the AI SDK in one process run each: CPU a turn with 100 solves at
 * once, a solve alone, heap of a solve that waits, 1,000 solves over HTTP, bundle size and time to import.
 *
 *   npx tsx bench/frameworks.ts [--rounds 3]
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const rounds = Number(values.rounds);

/** Each subject is measured in a process of its own, so that none warms the other up. */
const measure = (subject: string, what: string): number[] =>
  Array.from({ length: rounds }, () => {
    const ran = spawnSync(
      process.execPath,
      ["--expose-gc", "--import", "tsx", join(root, "bench", "frameworks-subject.ts"), subject, what],
      { cwd: root, encoding: "utf8" },
    );
    const found = Number(ran.stdout.trim().split("\n").at(-1));
    if (!Number.isFinite(found)) throw new Error(`${subject} ${what}: ${ran.stderr.slice(-400)}`);
    return found;
  }).sort((a, b) => a - b);

const median = (list: readonly number[]): number => list[Math.floor(list.length / 2)] ?? Number.NaN;

const bars: Readonly<Record<string, string>> = {
  turn: "CPU µs a turn at 100 at once (bar 10)",
  solve: "µs a solve of three turns alone (bar 60)",
  parked: "KB of heap a parked solve (bar 6)",
  http: "s, 1,000 solves × 12 calls over HTTP (bar 5)",
  httpCpu: "CPU s of the same (bar 3)",
  httpMemory: "MB peak of the same (bar 250)",
};
console.log(`${"".padEnd(48)} ${"ours".padStart(9)} ${"ai 7".padStart(9)}  ratio`);
for (const [what, name] of Object.entries(bars)) {
  const [ours, ai] = [median(measure("agentflow", what)), median(measure("ai", what))];
  console.log(
    `${name.padEnd(48)} ${ours.toFixed(1).padStart(9)} ${ai.toFixed(1).padStart(9)}  ${(ai / ours).toFixed(1)}`,
  );
}

/** What a page or a function downloads: minified, packed, without what is loaded on demand. */
const bundle = (code: string): number => {
  const esbuild = join(root, "node_modules", ".bin", "esbuild");
  if (!existsSync(esbuild)) return Number.NaN;
  const out = execFileSync(
    esbuild,
    ["--bundle", "--minify", "--format=esm", "--platform=node", "--external:undici", "--loader=ts"],
    { cwd: root, input: code, maxBuffer: 2 ** 26 },
  );
  return gzipSync(out).length / 1024;
};
const ours = bundle(
  'import { createFlow } from "./dist/index.js"; import { openaiCompatible, resilient } from "./dist/models/openai-compatible.js"; console.log(createFlow, openaiCompatible, resilient);'
    .replace(", resilient }", " }")
    .replace(", resilient)", ")"),
);
const theirs = bundle('import { generateText } from "ai"; console.log(generateText);');
console.log(
  `${"KB gzip, core with an OpenAI-compatible model (bar 25)".padEnd(48)} ${ours.toFixed(1).padStart(9)} ${theirs.toFixed(1).padStart(9)}  ${(theirs / ours).toFixed(1)}`,
);

const importTime = (code: string): number =>
  median(
    Array.from({ length: 7 }, () => {
      const begun = performance.now();
      execFileSync(process.execPath, ["--input-type=module", "--eval", code], { cwd: root });
      return performance.now() - begun;
    }).sort((a, b) => a - b),
  );
const bare = importTime("");
const [importOurs, importTheirs] = [importTime('import "agentflow"') - bare, importTime('import "ai"') - bare];
console.log(
  `${"ms to import, over bare node (bar 15)".padEnd(48)} ${importOurs.toFixed(1).padStart(9)} ${importTheirs.toFixed(1).padStart(9)}  ${(importTheirs / importOurs).toFixed(1)}`,
);
