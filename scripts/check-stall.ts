/**
 * No untrusted text keeps everything else waiting: hostile texts go through every entrance, and none holds the event
 * loop for more than 100 ms of processor time, outlives its deadline by more than a second, or ends in an untyped error.
 *
 *   npm run check:stall [-- --n 60 --seed 7]
 */
import { random, randomKey } from "../src/random.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { findStalls } from "./checks/stall.ts";
import { entrancesBefore } from "./checks/stall-before.ts";
import { entrances } from "./checks/stall-entrances.ts";

export const check: Check = {
  name: "stall",
  n: entrances.length,
  brokenN: entrancesBefore.length,
  run: async ({ n, seed, broken }) => {
    const all = (broken ? entrancesBefore : entrances).map(({ name }) => name);
    const names = random(randomKey(seed, "stall")).shuffle(all).slice(0, n);
    const faults = await findStalls(broken ? "before" : "now", names);
    // All of the old forms stall: one that is not seen is a fault of this check.
    const failed = broken && faults.length < names.length ? 0 : faults.length;
    return { n: names.length, failed, lines: [`${names.length} texts: ${faults.length} faults`, ...faults] };
  },
};

await runAsScript(check, import.meta.url);
