/**
 * R4: a full disk. From the k-th call on that changes a file, there is no room: the command says so in one line and exits
 * with an error, what was there stays whole, and with room again the run resumes to the same result.
 *
 *   npm run check:disk-full [-- --n 60 --seed 7]
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCheckpoint, stepsIn } from "../src/store/checkpoint.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { faulty } from "./checks/faulty-files.ts";
import { fingerprint, learn } from "./checks/learning.ts";

export const check: Check = {
  name: "disk-full",
  n: 60,
  brokenN: 1,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-full-"));
    const failures: string[] = [];
    let points = 0;
    try {
      const whole = join(scratch, "whole");
      await learn(whole).ended;
      const expected = fingerprint(whole);
      // Every third moment, and then those in between, until there are no more.
      for (let k = 4 + (seed % 3), round = 0; points < n && round < 3; k += 3) {
        const out = join(scratch, `at-${k}`);
        const full = await learn(out, faulty({ fullAt: k })).ended;
        if (full.code === 0) {
          round += 1;
          k = 1 + ((seed + round) % 3);
          continue;
        }
        points += 1;
        const lines = full.stderr
          .trim()
          .split("\n")
          .filter((line) => line !== "");
        if (full.code !== 1 || !/no space left/.test(full.stderr) || lines.length > 2)
          failures.push(`point ${k}: exit code ${full.code}, ${JSON.stringify(full.stderr.slice(0, 200))}`);
        const [id = ""] = existsSync(out) ? readdirSync(out) : [];
        // Every checkpoint that can be seen is whole.
        const { damage } = await readCheckpoint(join(out, id));
        if (damage.length > 0)
          failures.push(
            `point ${k}: of ${(await stepsIn(join(out, id))).length} checkpoints one is damaged: ${damage.join("; ")}`,
          );
        // Without resuming when there is room again, the run is lost.
        if (broken) failures.push("the run was not resumed");
        else {
          if (id !== "" && !existsSync(join(out, id, "options.json"))) rmSync(join(out, id), { recursive: true });
          const last = await learn(out).ended;
          if (last.code !== 0)
            failures.push(`point ${k}: resuming ended with ${last.code}: ${last.stderr.slice(-300)}`);
          else if (fingerprint(out) !== expected) failures.push(`point ${k}: another result`);
        }
        rmSync(out, { recursive: true, force: true });
      }
      return {
        n: points,
        failed: failures.length,
        lines: [`${points} moments without room: ${failures.length} failures`, ...failures.slice(0, 6)],
      };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
