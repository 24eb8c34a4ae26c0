/**
 * How fast a published model is here and with its peers, side by side: `npm run bench -- --model <GGUF file or folder>`.
 * Every arm has a process of its own, one works at a time, rounds are interleaved, figures are medians: ratios hold on a
 * machine that is not quite quiet; on a busy one bars are not judged. Peers that are not installed are named with the line that would add them.
 *
 *   --only sample,prefill,train,rl,grpo   --rounds 5   --threads 2   --without TRL,transformers
 *   --node-llama-cpp <folder>   --cache <folder for llama.cpp's files>   --quick (tiny sizes: does it run?)
 *
 * Python is AGENTFLOW_PYTHON, or python3. The last line is JSON.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { armsOf, defaultCache } from "./model/arms.ts";
import { isQuiet } from "./model/quiet.ts";
import { lineOf, type Outcome, outcomesOf, tableOf } from "./model/report.ts";
import { runSection, type SectionResult } from "./model/rounds.ts";
import { sectionsOf } from "./model/sections.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string" },
    only: { type: "string" },
    without: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: process.env.THREADS ?? String(Math.min(8, availableParallelism())) },
    "node-llama-cpp": { type: "string" },
    cache: { type: "string", default: defaultCache() },
    quick: { type: "boolean", default: false },
  },
});
if (values.model === undefined) throw new Error("Say which model: --model <GGUF file or Hugging Face folder>");
const threads = Number(values.threads);
const rounds = Number(values.rounds);
const folder = values["node-llama-cpp"];
const without = values.without.split(",").filter((name) => name !== "");
const all = armsOf({
  model: values.model,
  threads,
  cache: values.cache,
  ...(folder !== undefined && { nodeLlamaCpp: folder }),
});
const arms = new Map([...all].filter(([name]) => !without.some((word) => name.includes(word))));
const sections = sectionsOf({ quick: values.quick });
const known = sections.map(({ name }) => name);
const only = values.only?.split(",") ?? known;
const unknown = only.filter((name) => !known.includes(name));
if (unknown.length > 0) throw new Error(`--only knows ${known.join(", ")}, not ${unknown.join(", ")}`);

console.log(
  `${values.model}, ${threads} threads, ${cpus()[0]?.model ?? "unknown processor"}; medians of ${rounds} rounds`,
);
const results: SectionResult[] = [];
const outcomes: Outcome[] = [];
const noises: string[] = [];
for (const section of sections.filter(({ name }) => only.includes(name))) {
  const { quiet, says } = await isQuiet();
  if (!quiet) noises.push(`${section.name}: ${says}`);
  const result = await runSection(section, arms, { rounds, told: (line) => console.error(line) });
  results.push(result);
  // Small sizes and a machine that others use say nothing about a bar.
  outcomes.push(...outcomesOf(result, { rates: quiet && !values.quick, memory: !values.quick }));
  console.log(tableOf(result).join("\n"));
}
console.log(`\n${outcomes.map(lineOf).join("\n")}`);
if (noises.length > 0) console.log(`\nNot judged, because of noise:\n${noises.join("\n")}`);
const peers = new Map(results.flatMap(({ arms: who }) => [...who]));
const aboutOf = ([name, { version, before }]: [string, Readonly<Record<string, unknown>>]): string =>
  `${name.padEnd(22)}${version}; ${Math.round(Number(before))} MB before it has a model`;
console.log(`\n${[...peers].map(aboutOf).join("\n")}`);
const broken = results.some(({ absent }) => [...absent.keys()].some((name) => name.startsWith("ours")));
console.log(
  JSON.stringify({
    bench: "model",
    n: outcomes.length,
    passed: outcomes.filter(({ pass }) => pass === true).length,
    missed: outcomes.filter(({ pass }) => pass === false).length,
    notJudged: outcomes.filter(({ pass }) => pass === undefined).length,
    quick: values.quick,
    noises,
    outcomes,
    figures: Object.fromEntries(
      results.map(({ section, figures }) => [
        section.name,
        Object.fromEntries([...figures].map(([title, row]) => [title, Object.fromEntries(row)])),
      ]),
    ),
  }),
);
// A peer may be absent; the engine may not.
process.exitCode = broken ? 1 : 0;
