/**
 * R3: a damaged checkpoint is refused before anything is taken from it, the one before it is used, and the message names
 * the file with the expected and the found hash. Bits are flipped, files cut, zeroed and swapped.
 *
 *   npm run check:damage [-- --n 1200 --seed 7]
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random, randomKey } from "../src/index.ts";
import { readCheckpoint, writeCheckpoint } from "../src/store/checkpoint.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const bytes = (seed: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7 + (i >> 8)) & 255);

export const check: Check = {
  name: "damage",
  n: 1200,
  brokenN: 40,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-damage-"));
    const draws = random(randomKey(seed, "damage"));
    const failures: string[] = [];
    const clean = join(scratch, "clean");
    try {
      for (const step of [25, 50])
        await writeCheckpoint(clean, {
          step,
          files: new Map([
            ["policy-planner.state", bytes(step, 20_000)],
            ["best-planner.state", bytes(step + 1, 20_000)],
            ["progress.json", new TextEncoder().encode(JSON.stringify({ step }))],
          ]),
        });
      const good = (await readCheckpoint(clean)).checkpoint;
      if (good?.step !== 50) return { n, failed: n, lines: ["the undamaged checkpoint is not found"] };
      for (let i = 0; i < n; i += 1) {
        const run = join(scratch, "run");
        rmSync(run, { recursive: true, force: true });
        cpSync(clean, run, { recursive: true });
        const folder = join(run, "checkpoints", "step-0000050");
        const name = draws.pick(readdirSync(folder).sort());
        const path = join(folder, name);
        const content = readFileSync(path);
        const kind = i % 6 === 5 ? draws.pick(["cut", "zero", "swap"] as const) : "flip";
        if (kind === "flip") {
          const at = draws.below(content.length);
          content[at] = (content[at] ?? 0) ^ (1 << draws.below(8));
          writeFileSync(path, content);
        } else if (kind === "cut") truncateSync(path, draws.below(content.length));
        else if (kind === "zero") {
          const at = draws.below(content.length);
          // A page of zeros that happens to be zeros already damages nothing.
          if (content.subarray(at, at + 512).every((byte) => byte === 0)) continue;
          writeFileSync(path, content.fill(0, at, Math.min(content.length, at + 512)));
        } else cpSync(join(run, "checkpoints", "step-0000025", name), path);
        if (broken) {
          // A reader that believes what it finds.
          failures.push(`${kind} of ${name} is believed`);
          continue;
        }
        const { checkpoint, damage } = await readCheckpoint(run);
        const planner = checkpoint?.files.get("policy-planner.state");
        const named = damage.length === 1 && damage[0]?.includes("step-0000050") === true;
        if (
          checkpoint?.step !== 25 ||
          planner === undefined ||
          Buffer.compare(planner, bytes(25, 20_000)) !== 0 ||
          !named
        )
          failures.push(`${kind} of ${name}: step ${checkpoint?.step}, ${damage.join("; ")}`);
      }
      return {
        n,
        failed: failures.length,
        lines: [`${n} damages: ${failures.length} not refused`, ...failures.slice(0, 6)],
      };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
