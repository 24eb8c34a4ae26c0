/**
 * R14: files are data. Generated checkpoints and trajectories (`__proto__`, deep nesting, NaN, lone surrogates, other types)
 * are read: nothing crashes but by a typed error, hangs, runs or changes a prototype.
 *
 *   npm run check:untrusted [-- --n 10000 --seed 7]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { AgentFlowError } from "../src/index.ts";
import { replayModel } from "../src/models/index.ts";
import { readCheckpoint } from "../src/store/checkpoint.ts";
import { readLines } from "../src/store/lines.ts";
import { readRun, readTrajectories } from "../src/store/stored-run.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const deep = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const texts = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    "NaN",
    "1e999",
    deep(20_000),
    '"\\ud800"',
    "null",
    "[]",
    "-0",
    '{"schemaVersion":1,"step":1,"files":{"../../etc/passwd":"x"}}',
    '{"schemaVersion":1,"step":1,"files":{"a":{"b":1}}}',
    '{"schemaVersion":1,"files":null}',
  ),
  fc
    .record(
      {
        schemaVersion: fc.constantFrom(1, 2, "1", null),
        trajectory: fc.anything(),
        phase: fc.anything(),
        step: fc.anything(),
      },
      { requiredKeys: [] },
    )
    .map((value) => {
      try {
        return JSON.stringify(value) ?? "";
      } catch {
        return "";
      }
    }),
);

export const check: Check = {
  name: "untrusted",
  n: 10_000,
  brokenN: 200,
  run: async ({ n, seed, broken }) => {
    const folder = mkdtempSync(join(tmpdir(), "agentflow-untrusted-"));
    const failures: string[] = [];
    const run = join(folder, "run");
    const point = join(run, "checkpoints", "step-0000001");
    mkdirSync(point, { recursive: true });
    const marks = (): string =>
      JSON.stringify([({} as { polluted?: unknown }).polluted, Object.keys(Object.prototype)]);
    const before = marks();
    try {
      let i = 0;
      for (const text of fc.sample(texts, { numRuns: n, seed })) {
        i += 1;
        const attempt = async (what: string, read: () => unknown): Promise<void> => {
          try {
            await read();
          } catch (error) {
            if (!(error instanceof AgentFlowError))
              failures.push(`${what}: ${String(error).slice(0, 80)} for ${JSON.stringify(text.slice(0, 60))}`);
          }
        };
        const kind = i % 4;
        if (broken) await attempt("no reader", () => merge({}, JSON.parse(text)));
        else if (kind === 0) {
          writeFileSync(join(point, "manifest.json"), text);
          await attempt("checkpoint", () => readCheckpoint(run));
        } else if (kind === 1) {
          writeFileSync(join(run, "trajectories.jsonl"), `${text}\n`);
          await attempt("trajectories", () => readTrajectories({ folder: run }));
          await attempt("lines", () => readLines(join(run, "trajectories.jsonl")));
        } else if (kind === 2) {
          writeFileSync(join(run, "config.json"), text);
          await attempt("run", () => readRun(folder, "run"));
        } else {
          writeFileSync(join(run, "calls.jsonl"), `${text}\n`);
          await attempt("recording", () => replayModel(join(run, "calls.jsonl")));
        }
        if (marks() !== before) {
          failures.push(`a prototype changed: ${JSON.stringify(text.slice(0, 80))}`);
          delete (Object.prototype as { polluted?: unknown }).polluted;
        }
      }
      return {
        n,
        failed: failures.length,
        lines: [`${n} files: ${failures.length} failures`, ...failures.slice(0, 6)],
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** What a careless reader does. */
const merge = (into: Record<string, unknown>, from: unknown): unknown => {
  if (typeof from !== "object" || from === null) return into;
  for (const [key, value] of Object.entries(from)) {
    const target = into[key];
    if (typeof value === "object" && value !== null && typeof target === "object" && target !== null)
      merge(target as Record<string, unknown>, value);
    else into[key] = value;
  }
  return into;
};

await runAsScript(check, import.meta.url);
