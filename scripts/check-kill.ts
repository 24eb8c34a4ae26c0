/**
 * R1: a run of learning that is killed again and again, at any moment, ends with the same weights, optimiser, metrics,
 * trajectories and digests as one that was never interrupted.
 *
 *   npm run check:kill [-- --n 500 --seed 7]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { random, randomKey } from "../src/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { fingerprint, learn, phaseOf } from "./checks/learning.ts";

const wait = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));

export const check: Check = {
  name: "kill",
  n: 500,
  brokenN: 1,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-kill-"));
    const draws = random(randomKey(seed, "kill"));
    const failures: string[] = [];
    const phases = new Map<string, number>();
    try {
      const begun = performance.now();
      const whole = join(scratch, "whole");
      const { code, stderr } = await learn(whole).ended;
      if (code !== 0) return { n, failed: n, lines: [`the uninterrupted run failed: ${stderr}`] };
      const expected = fingerprint(whole);
      const length = performance.now() - begun;
      let kills = 0;
      for (let run = 0; kills < n; run += 1) {
        const out = join(scratch, `run-${run}`);
        for (;;) {
          const process_ = learn(out);
          const wanted = kills < n;
          // Mostly where something happens; the start of a process is the same each time.
          const timer = wait(wanted ? 300 + draws.next() * length * 0.9 : 3_600_000).then(() => "time" as const);
          const first = await Promise.race([process_.ended, timer]);
          if (first === "time") {
            const phase = phaseOf(out);
            phases.set(phase, (phases.get(phase) ?? 0) + 1);
            process_.kill();
            await process_.ended;
            kills += 1;
            // Without resuming, a killed run starts again under another seed: what a tool does that cannot resume.
            if (broken) {
              failures.push("the run did not end as the uninterrupted one did");
              break;
            }
            continue;
          }
          if (first.code !== 0) failures.push(`run ${run} ended with ${first.code}: ${first.stderr.slice(-300)}`);
          else if (fingerprint(out) !== expected) failures.push(`run ${run} has another result`);
          break;
        }
        rmSync(out, { recursive: true, force: true });
      }
      const hit = [...phases].map(([phase, times]) => `${phase} ${times}`).join(", ");
      return { n: kills, failed: failures.length, lines: [`${kills} kills: ${hit}`, ...failures.slice(0, 5)] };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
