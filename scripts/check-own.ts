/**
 * One owner: of two to six processes and threads that take the same lock at the same moment exactly one gets it, and the
 * others learn who. Locks are free, or left by the dead: killed owners, numbers that were given again, an earlier
 * version, half-written files. Some are killed as they take it.
 *
 *   npm run check:own [-- --n 1000 --seed 7]
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { thisProcess } from "../src/files/process-name.ts";
import { type Random, random, randomKey } from "../src/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { faulty } from "./checks/faulty-files.ts";
import type { RacerOrder, RacerReply } from "./checks/lock-racer.ts";

const PROCESSES = 4;
const THREADS = 2;

/** A process or a thread that races. */
interface Racer {
  readonly pid: number;
  readonly process: ChildProcess | undefined;
  /** What it says next; undefined when it dies before. */
  ask(order: RacerOrder): Promise<RacerReply | undefined>;
  end(): Promise<void>;
}

const racerOf = (
  target: {
    send(order: RacerOrder): void;
    onReply(told: (reply: RacerReply) => void): void;
    onEnd(told: () => void): void;
  },
  pid: number,
  process_: ChildProcess | undefined,
  end: () => Promise<void>,
): { readonly racer: Racer; readonly ready: Promise<unknown> } => {
  let dead = false;
  let waiting: ((reply: RacerReply | undefined) => void) | undefined;
  const next = (): Promise<RacerReply | undefined> =>
    new Promise((resolve) => {
      waiting = resolve;
      if (dead) resolve(undefined);
    });
  const ready = next();
  target.onReply((reply) => waiting?.(reply));
  target.onEnd(() => {
    dead = true;
    waiting?.(undefined);
  });
  const ask = (order: RacerOrder): Promise<RacerReply | undefined> => {
    const reply = next();
    if (!dead) target.send(order);
    return reply;
  };
  return { racer: { pid, process: process_, ask, end }, ready };
};

const startProcess = async (file: string, crashAt: number | undefined): Promise<Racer> => {
  const env = { ...process.env, ...(crashAt !== undefined && faulty({ crashAt })) };
  const child = fork(file, { execArgv: [], env, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const { racer, ready } = racerOf(
    {
      // One that has just been killed hears nothing.
      send: (order) => void child.send(order, () => undefined),
      onReply: (told) => child.on("message", (reply) => told(reply as RacerReply)),
      onEnd: (told) => child.on("exit", told),
    },
    child.pid ?? 0,
    child,
    async () => {
      child.kill("SIGKILL");
      await ended;
    },
  );
  await ready;
  return racer;
};

const startThread = async (file: string): Promise<Racer> => {
  const worker = new Worker(file);
  const { racer, ready } = racerOf(
    {
      send: (order) => worker.postMessage(order),
      onReply: (told) => worker.on("message", told),
      onEnd: (told) => worker.on("exit", told),
    },
    process.pid,
    undefined,
    async () => void (await worker.terminate()),
  );
  await ready;
  return racer;
};

/** Locks of the dead, by name. */
const leftBehind = async (): Promise<Readonly<Record<string, string>>> => {
  const me = await thisProcess();
  const token = "00000000-0000-4000-8000-000000000000";
  return {
    "of a process that is gone": JSON.stringify({ ...me, pid: 2 ** 22 + 7, token }),
    "of a number that was given again": JSON.stringify({ ...me, began: "another boot/1", token }),
    "of an earlier version": JSON.stringify({ pid: 2 ** 22 + 7, began: "1" }),
  };
};

const wait = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));

interface Arena {
  readonly file: string;
  readonly racers: Racer[];
  readonly draws: Random;
  readonly broken: boolean;
  /** What went wrong in a race, by its lock. */
  readonly failures: Map<string, string>;
  readonly counts: Map<string, number>;
}

/** Asks some for the lock at one moment; returns who has it, and what the others said. */
const askAll = async (
  { broken }: Arena,
  racers: readonly Racer[],
  path: string,
): Promise<readonly { readonly racer: Racer; readonly reply: RacerReply | undefined }[]> => {
  const at = Date.now() + 4;
  return Promise.all(
    racers.map(async (racer) => ({ racer, reply: await racer.ask({ type: "take", path, at, broken }) })),
  );
};

/** One race for a lock; returns whether any of the racers died. */
const race = async (arena: Arena, path: string, kind: string, kills: boolean): Promise<boolean> => {
  const { draws, failures, counts } = arena;
  const racers = draws.shuffle(arena.racers).slice(0, 2 + draws.below(arena.racers.length - 1));
  const fail = (why: string): void => {
    failures.set(path, `a lock ${kind}, ${racers.length} racers: ${why}`);
  };
  const mortal = racers.filter((racer) => racer.process !== undefined);
  const victim = kills && mortal.length > 0 ? draws.pick(mortal) : undefined;
  const asked = askAll(arena, racers, path);
  if (victim !== undefined) await wait(3 + draws.next() * 12).then(() => victim.process?.kill("SIGKILL"));
  const said = await asked;
  await victim?.end();
  const dead = said.filter(({ racer }) => racer.process?.signalCode !== null && racer.process !== undefined);
  for (const { racer } of dead) await racer.end();
  const living = said.filter(({ racer }) => !dead.some((one) => one.racer === racer));
  const winners = living.filter(({ reply }) => reply?.won === true);
  const owners = [...winners, ...dead].map(({ racer }) => racer.pid);
  for (const { reply } of living) if (reply?.error !== undefined) fail(reply.error);
  if (winners.length > 1) fail(`${winners.length} have it`);
  if (winners.length === 0 && dead.length === 0) fail("nobody has it");
  if (winners.length <= 1)
    for (const { reply } of living)
      if (reply?.holder !== undefined && !owners.includes(reply.holder))
        fail(`named ${reply.holder}, which is none of them`);
  let [owner] = winners.map(({ racer }) => racer);
  // What a dead one had or began to take is there for the others.
  if (dead.length > 0) {
    counts.set("killed", (counts.get("killed") ?? 0) + dead.length);
    const others = living.map(({ racer }) => racer).filter((racer) => racer !== owner);
    const second = (await askAll(arena, others, path)).filter(({ reply }) => reply?.won === true);
    if (owner === undefined && others.length > 0 && second.length !== 1) fail(`after a kill ${second.length} have it`);
    if (owner !== undefined && second.length > 0) fail("after a kill another one has it too");
    for (const extra of second.slice(1)) await extra.racer.ask({ type: "release" });
    owner ??= second[0]?.racer;
    for (const { racer } of dead) {
      const index = arena.racers.indexOf(racer);
      const crashAt = draws.next() < 0.5 ? 1 + draws.below(9) : undefined;
      arena.racers[index] = await startProcess(arena.file, arena.broken ? undefined : crashAt);
    }
  }
  for (const { racer } of winners.slice(1)) await racer.ask({ type: "release" });
  await owner?.ask({ type: "release" });
  return dead.length > 0;
};

export const check: Check = {
  name: "own",
  n: 1000,
  brokenN: 120,
  run: async ({ n, seed, broken }) => {
    const scratch = mkdtempSync(join(tmpdir(), "agentflow-own-"));
    const draws = random(randomKey(seed, "own"));
    const file = join(scratch, "racer.mjs");
    const arena: Arena = { file, racers: [], draws, broken, failures: new Map(), counts: new Map() };
    try {
      await build({
        entryPoints: [join(import.meta.dirname, "checks", "lock-racer.ts")],
        outfile: file,
        bundle: true,
        platform: "node",
        format: "esm",
        logLevel: "warning",
      });
      for (let i = 0; i < PROCESSES; i += 1) arena.racers.push(await startProcess(file, undefined));
      for (let i = 0; i < THREADS; i += 1) arena.racers.push(await startThread(file));
      const dead = Object.entries(await leftBehind());
      for (let i = 0; i < n; i += 1) {
        const folder = join(scratch, `race-${i}`);
        const path = join(folder, ".owner");
        mkdirSync(folder);
        const [kind, text] = i % 2 === 0 ? (["that is free", undefined] as const) : draws.pick(dead);
        if (text !== undefined) writeFileSync(path, text);
        arena.counts.set(kind, (arena.counts.get(kind) ?? 0) + 1);
        const died = await race(arena, path, kind, !broken && i % 8 === 7);
        // The dead leave drafts, or a lock where nobody is left to take it over.
        const left = died ? [] : readdirSync(folder);
        if (left.length > 0 && !broken) arena.failures.set(path, `a lock ${kind}: ${left.join(", ")} is left`);
        rmSync(folder, { recursive: true });
      }
      const kinds = [...arena.counts].map(([kind, times]) => `${times} ${kind}`).join(", ");
      return {
        n,
        failed: arena.failures.size,
        lines: [`${n} races: ${kinds}`, ...[...arena.failures.values()].slice(0, 8)],
      };
    } finally {
      for (const racer of arena.racers) await racer.end();
      rmSync(scratch, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
