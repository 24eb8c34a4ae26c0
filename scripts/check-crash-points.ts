/**
 * R2: every crash point, not random ones. The process kills itself before the k-th call that changes a file of the run, for
 * every k, and once more inside the recovery from that; in the end the result is that of the uninterrupted run.
 *
 *   npm run check:crash-points [-- --n 1000]   (at most as many as there are)
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Check, runAsScript } from "./checks/check.ts";
import { faulty } from "./checks/faulty-files.ts";
import { fingerprint, learn } from "./checks/learning.ts";

export const check: Check = {
  name: "crash-points",
  n: 1000,
  brokenN: 1,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-crash-"));
    const failures: string[] = [];
    let points = 0;
    try {
      const whole = join(scratch, "whole");
      await learn(whole).ended;
      const expected = fingerprint(whole);
      // A few of many are spread over all of them.
      const stride = n >= 1000 ? 1 : 7 + (seed % 5);
      for (let k = 1; points < n; k += stride) {
        const out = join(scratch, `at-${k}`);
        const first = await learn(out, faulty({ crashAt: k })).ended;
        if (first.code === 0) {
          if (fingerprint(out) !== expected) failures.push(`without a crash (${k}) the result is another one`);
          break;
        }
        if (first.signal !== "SIGKILL")
          failures.push(`point ${k}: ended with ${first.code}: ${first.stderr.slice(-200)}`);
        if (!broken) await learn(out, faulty({ crashAt: 1 + (k % 11) })).ended;
        const last = broken ? first : await learn(out).ended;
        if (last.code !== 0) failures.push(`point ${k}: recovery ended with ${last.code}: ${last.stderr.slice(-300)}`);
        else if (fingerprint(out) !== expected) failures.push(`point ${k}: another result`);
        points += 1;
        rmSync(out, { recursive: true, force: true });
      }
      return {
        n: points,
        failed: failures.length,
        lines: [`${points} crash points, each twice: ${failures.length} failures`, ...failures.slice(0, 6)],
      };
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
