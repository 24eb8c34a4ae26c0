/**
 * R8: programs that a model wrote do no harm, in either tier of the sandbox. Every attack is run without the sandbox first,
 * where it has to succeed, and then inside it, where it must not; harmless programs work inside, and limits on time, memory,
 * processes, descriptors, files and output bite. Without `--n` every attack on every tier that works here is made.
 *
 *   npm run check:sandbox [-- --n 100 --seed 7]
 *
 * CHECK_SANDBOX names the one tier that is attacked.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bubblewrapFault, openSandbox, type Sandbox, tierFault } from "../src/sandbox/index.ts";
import { type Check, type Counted, runAsScript } from "./checks/check.ts";
import { type Assault, CANARY, harmless, LIMIT_SECONDS, type Outside, SECRET } from "./checks/escape.ts";
import { onBubblewrap } from "./checks/escape-bubblewrap.ts";
import { onPyodide } from "./checks/escape-pyodide.ts";
import { onWasi } from "./checks/escape-wasi.ts";
import { secondOnBubblewrap } from "./checks/second-bubblewrap.ts";
import { secondOnPyodide } from "./checks/second-pyodide.ts";

type Tier = Exclude<Sandbox["tier"], "host">;
const pyodide: readonly Assault[] = [onPyodide, { ...secondOnPyodide, left: onPyodide.left }];
const wasi: readonly Assault[] = [onWasi, { ...secondOnBubblewrap, left: onWasi.left }];
/** For each tier two sets of attacks; the second one was written without looking at the guard. */
const assaults: Readonly<Record<Tier, readonly Assault[]>> = {
  "pyodide-in-bubblewrap": pyodide,
  pyodide,
  wasi,
  "wasi-in-bubblewrap": wasi,
  bubblewrap: [onBubblewrap, { ...secondOnBubblewrap, left: onBubblewrap.left }],
};

/** Where nothing holds them, all attacks have to work: one that does not shows nothing. */
const withoutSandbox = async (
  tier: Tier,
  assault: Assault,
  outside: Outside,
  wanted: number,
  seed: number,
): Promise<Counted> => {
  const all = assault.attacks(outside);
  const attacks = sample(all, wanted, seed);
  const said = await assault.unguarded(attacks);
  const idle = attacks.flatMap(({ name }, i) => (said[i] === "ESCAPED" ? [] : `${tier}, ${name}: ${said[i]}`));
  const worked = attacks.length - idle.length;
  return {
    n: attacks.length,
    failed: idle.length === 0 ? worked : 0,
    lines: [`${tier}: ${worked} of ${attacks.length} attacks work without the sandbox`, ...idle.slice(0, 10)],
  };
};

/** About `wanted` of a list, evenly spread over it. */
const sample = <T>(all: readonly T[], wanted: number, seed: number): readonly T[] => {
  const stride = Math.max(1, Math.floor(all.length / Math.max(1, wanted)));
  return all.filter((_, i) => (i + seed) % stride === 0);
};

/** All harmless programs, and about as many limits and attacks as are wanted. */
const inside = async (
  tier: Tier,
  { attacks, limits, left }: Assault,
  outside: Outside,
  wanted: number,
  seed: number,
): Promise<Counted> => {
  const all = attacks(outside);
  const chosen = sample(all, wanted / 2, seed);
  const bounds = sample(limits, wanted / 2, seed);
  const failures: string[] = [];
  const before = left();
  const sandbox = await openSandbox({ tier });
  try {
    for (const [code, value] of harmless) {
      const result = await sandbox.runPython(code, { timeoutSeconds: 20 });
      if (result.value !== value) failures.push(`harmless: ${code.slice(0, 40)} gave ${JSON.stringify(result)}`);
    }
    for (const { name, code, holds, before = [] } of bounds) {
      for (const earlier of before) await sandbox.runPython(earlier, { timeoutSeconds: LIMIT_SECONDS });
      const result = await sandbox.runPython(code, { timeoutSeconds: LIMIT_SECONDS });
      if (!holds(result)) failures.push(`limit on ${name}: ${JSON.stringify(result).slice(0, 200)}`);
    }
    for (const { name, code } of chosen) {
      const seen = JSON.stringify(await sandbox.runPython(code, { timeoutSeconds: 10 }));
      if (seen.includes('"value":"ESCAPED"') || seen.includes(CANARY)) failures.push(`${name}: ${seen.slice(0, 200)}`);
    }
  } finally {
    await sandbox.close();
  }
  for (let i = 0; i < 20 && left() > before; i += 1) await new Promise((wake) => setTimeout(wake, 100));
  if (left() > before) failures.push(`${left() - before} processes are left`);
  return {
    n: harmless.length + bounds.length + chosen.length,
    failed: failures.length,
    lines: [
      `${tier}: ${chosen.length} escape attempts, ${bounds.length} limits, ${harmless.length} harmless programs: ${failures.length} failures`,
      ...failures.slice(0, 10),
    ],
  };
};

const sum = (parts: readonly Counted[]): Counted => ({
  n: parts.reduce((total, { n }) => total + n, 0),
  failed: parts.reduce((total, { failed }) => total + failed, 0),
  lines: parts.flatMap(({ lines }) => lines),
});

export const check: Check = {
  name: "sandbox",
  n: Number.MAX_SAFE_INTEGER,
  brokenN: Number.MAX_SAFE_INTEGER,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-sandbox-"));
    const canary = join(scratch, "canary.txt");
    writeFileSync(canary, CANARY);
    let connections = 0;
    const sink = createServer((_, response) => response.end("reached"));
    sink.on("connection", () => {
      connections += 1;
    });
    await new Promise<void>((ready) => sink.listen(0, "127.0.0.1", ready));
    const { port } = sink.address() as AddressInfo;
    const outside: Outside = { canary, writable: join(scratch, "outside"), port, pid: process.pid };
    const usable = (await bubblewrapFault()) === undefined;
    const contained: readonly Tier[] =
      (await tierFault("pyodide-in-bubblewrap")) === undefined ? ["pyodide-in-bubblewrap"] : [];
    // Without a guard, Pyodide is the same in both of its tiers.
    const wasiFault = await tierFault("wasi");
    const only = process.env.CHECK_SANDBOX;
    const working: readonly Tier[] = [
      "pyodide",
      ...(broken ? [] : contained),
      ...(usable ? (["bubblewrap"] as const) : []),
      ...(wasiFault === undefined ? (["wasi"] as const) : []),
    ];
    const tiers = working.filter((tier) => only === undefined || tier === only);
    const parts: Counted[] = [];
    try {
      process.env[SECRET] = CANARY;
      for (const tier of tiers)
        for (const assault of assaults[tier])
          parts.push(
            broken
              ? await withoutSandbox(tier, assault, outside, n / tiers.length / assaults[tier].length, seed)
              : await inside(tier, assault, outside, n / tiers.length / assaults[tier].length, seed),
          );
      // One set whose attacks are idle shows nothing of the other ones.
      if (broken) return parts.every(({ failed }) => failed > 0) ? sum(parts) : { ...sum(parts), failed: 0 };
      const marks = [
        ...(connections > 0 ? [`${connections} connections to the listener`] : []),
        ...readdirSync(scratch).flatMap((name) => (name === "canary.txt" ? [] : `${name} was made outside`)),
        ...(existsSync(canary) ? [] : ["the canary is gone"]),
      ];
      const missing = [
        ...(usable && contained.length > 0 ? [] : ["bubblewrap does not work here: its tiers were not attacked"]),
        ...(wasiFault === undefined ? [] : [`wasi was not attacked: ${wasiFault}`]),
      ];
      const { n: total, failed, lines } = sum(parts);
      return { n: total, failed: failed + marks.length, lines: [...lines, ...marks, ...missing] };
    } finally {
      sink.close();
      sink.closeAllConnections();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
