/**
 * No program outlives whoever started it. A parent is killed with SIGKILL at a random moment, from before its program
 * starts until that computes; its programs are started by the main thread or by a worker. Other programs are aborted at a
 * random moment. Afterwards no process of theirs is left: on the host and, where it works, in bubblewrap.
 *
 *   npm run check:orphans [-- --n 100 --seed 7]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { random, randomKey } from "../src/index.ts";
import { bubblewrapFault } from "../src/sandbox/bubblewrap-sandbox.ts";
import { runInProcess } from "../src/sandbox/process-run.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { endless, type ProcessTier } from "./checks/orphan-parent.ts";

const PARENT = fileURLToPath(new URL("./checks/orphan-parent.ts", import.meta.url));
/** How long the death of a parent may take to reach its last program. */
const GRACE_MILLISECONDS = 5000;

const wait = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));

/** Processes that carry the mark, but `parent`: nobody else has it in a command line. */
const processesWith = (mark: string, parent?: number): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== parent && commandLineOf(pid).includes(mark));

const commandLineOf = (pid: number): string => {
  try {
    // That of a zombie is empty.
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It has ended meanwhile.
    return "";
  }
};

const leftOf = async (mark: string): Promise<number[]> => {
  const until = performance.now() + GRACE_MILLISECONDS;
  for (;;) {
    const left = processesWith(mark);
    if (left.length === 0 || performance.now() > until) return left;
    await wait(20);
  }
};

/** Kills a parent some time after it is up; whether something of it ran then. */
const killParent = async (
  tier: ProcessTier,
  mark: string,
  guarded: boolean,
  thread: string,
  after: number,
): Promise<boolean> => {
  const arguments_ = [PARENT, tier, mark, guarded ? "guarded" : "none", thread];
  const parent = spawn(process.execPath, ["--import", "tsx", ...arguments_], { stdio: ["ignore", "pipe", "inherit"] });
  await once(parent.stdout, "data");
  await wait(after);
  const busy = processesWith(mark, parent.pid).length > 0;
  parent.kill("SIGKILL");
  await once(parent, "exit");
  return busy;
};

/** Aborts a program some time after its start; whether something of it ran then. */
const abort = async (tier: ProcessTier, mark: string, after: number): Promise<boolean> => {
  const caller = new AbortController();
  const running = runInProcess(endless(tier, mark, true), { timeoutSeconds: 600, abortSignal: caller.signal });
  await wait(after);
  const busy = processesWith(mark).length > 0;
  caller.abort();
  await running.catch((error: unknown) => {
    if (error !== caller.signal.reason) throw error;
  });
  return busy;
};

export const check: Check = {
  name: "orphans",
  n: 100,
  brokenN: 4,
  run: async ({ n, seed, broken }) => {
    if (process.platform !== "linux")
      return { n: 0, failed: broken ? 1 : 0, lines: ["processes are counted in /proc, which only Linux has"] };
    const draws = random(randomKey(seed, "orphans"));
    const fault = await bubblewrapFault();
    const tiers: readonly ProcessTier[] = fault === undefined ? ["bubblewrap", "host"] : ["host"];
    const failures: string[] = [];
    let caught = 0;
    for (let i = 0; i < n; i += 1) {
      const tier = tiers[i % tiers.length] ?? "host";
      const way = broken ? "main" : (["main", "worker", "abort"][Math.floor(i / tiers.length) % 3] ?? "main");
      // Without its guard a program is left when it has started.
      const after = broken ? 1500 : draws.next() * draws.below(1000);
      const mark = `orphan-${process.pid}-${seed}-${i}-${broken ? "broken" : "guarded"}`;
      const busy = way === "abort" ? await abort(tier, mark, after) : await killParent(tier, mark, !broken, way, after);
      if (busy) caught += 1;
      const left = await leftOf(mark);
      if (left.length > 0) failures.push(`${tier}, ${way}, after ${after.toFixed(1)} ms: ${left.length} are left`);
      for (const pid of left) process.kill(pid, "SIGKILL");
    }
    return {
      n,
      failed: failures.length,
      lines: [
        `${n} ends, ${caught} of them with a program under way, on ${tiers.join(" and ")}: ${failures.length} failures`,
        ...(fault === undefined ? [] : [fault]),
        ...failures.slice(0, 10),
      ],
    };
  },
};

await runAsScript(check, import.meta.url);
