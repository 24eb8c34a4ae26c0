/**
 * The events of a run of two hours, watched by five viewers through the same code as `learn --ui`: three read, one reads
 * slowly, one stops reading. They slow the run by no more than 2 %, and nothing grows.
 *
 * - Volume: as many steps as two hours have seconds (a step of the shipped recipe takes a second or more), each of some
 *   milliseconds, so that the events come about a hundred times faster than in life. Whoever reads has them all in the end.
 * - Pace: steps of about a second, as in life. Stretches with five viewers and without any take turns, and are compared by
 *   the processor time of the process that trains.
 *
 *   npm run check:stream [-- --n 7200]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Check, type Counted, runAsScript } from "./checks/check.ts";
import type { FromRun, Stretch } from "./checks/stream/train.ts";

const TOKEN = "a-token-for-checks-0123456789";
/** Steps of milliseconds that pass between two looks. */
const STRETCH = 250;
/** Tasks of a step that takes milliseconds, and of one that takes about a second. */
const FEW_TASKS = 2;
const MANY_TASKS = 300;
/** Steps of a second that are measured together. */
const LIFELIKE_STRETCH = 5;
const PAIRS = 12;
const MOST_SLOWER = 1.02;
/** What memory may grow by in the second half of the stream, in MB: garbage that was not collected yet. */
const MOST_GROWTH = { server: 16, heap: 3 };

/** What a part of the check has measured, and what of it is too much. */
interface Found {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
}

interface Viewer {
  /** Events that came: their numbers, without a gap. Throws for a gap. */
  readonly last: number;
  readonly fault: string | undefined;
  hurry(): void;
  leave(): void;
}

type Pace = "steady" | "slow" | "still";

const watch = async (url: string, run: string, pace: Pace, after = 0): Promise<Viewer> => {
  const headers = { authorization: `Bearer ${TOKEN}`, "last-event-id": String(after) };
  const [response] = (await once(get(`${url}/api/runs/${run}/events`, { headers, agent: false }), "response")) as [
    IncomingMessage,
  ];
  let [last, text, hurries, fault] = [after, "", pace === "steady", undefined as string | undefined];
  response.setEncoding("utf8");
  response.on("error", () => undefined);
  if (pace !== "still")
    response.on("data", (part: string) => {
      const lines = (text + part).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const id = /^id: (\d+)$/.exec(line)?.[1];
        if (id === undefined) continue;
        if (Number(id) !== last + 1) fault ??= `event ${id} came after ${last}`;
        last = Number(id);
      }
      if (hurries) return;
      response.pause();
      setTimeout(() => response.resume(), 1000);
    });
  return {
    get last() {
      return last;
    },
    get fault() {
      return fault;
    },
    hurry: () => {
      hurries = true;
      response.resume();
    },
    leave: () => response.destroy(),
  };
};

const PACES: readonly Pace[] = ["steady", "steady", "steady", "slow", "still"];

/** Memory of a process in MB, as Linux counts it. */
const megabytesOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
const childOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").at(-1));
/** Processor seconds that a process has taken. */
const secondsOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** The means of resampled ratios, the lowest and highest 2.5 % left out. */
const intervalOf = (ratios: readonly number[]): readonly [number, number] => {
  let state = 1;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % ratios.length;
  };
  const medians = Array.from({ length: 2000 }, () => median(ratios.map(() => ratios[next()] ?? 1))).sort(
    (a, b) => a - b,
  );
  return [medians[50] ?? 1, medians[1949] ?? 1];
};

const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;

const growthOf = (values: readonly number[]): number => {
  const middle = values.length >> 1;
  return Math.max(...values.slice(middle)) - Math.max(...values.slice(0, middle));
};

/** The run as it says how far it is: each stretch ends with a pause, until a word to continue. */
const messagesOf = (run: ChildProcess) => {
  const queue: FromRun[] = [];
  let wake = (): void => undefined;
  run.on("message", (message: FromRun) => {
    queue.push(message);
    wake();
  });
  run.once("exit", () => wake());
  return async (): Promise<FromRun> => {
    while (queue.length === 0) {
      if (run.exitCode !== null) throw new Error(`The run ended with ${run.exitCode}.`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return queue.shift() as FromRun;
  };
};

interface Watched {
  readonly run: ChildProcess;
  readonly pid: number;
  /** Of the process that serves the pages. */
  readonly server: number;
  open(after?: readonly number[]): Promise<Viewer[]>;
  /** Lets the run take its next steps. */
  stretch(): Promise<Stretch>;
}

/** A run of some stretches, before its first step. */
const begun = async <Result>(
  { stretches, steps, tasks, place }: { stretches: number; steps: number; tasks: number; place: "beside" | "within" },
  use: (run: Watched) => Promise<Result>,
): Promise<Result> => {
  const folder = await mkdtemp(join(tmpdir(), "agentflow-stream-"));
  const run = fork(
    fileURLToPath(new URL("checks/stream/train.ts", import.meta.url)),
    // One step more: the last stretch ends where the next one would begin.
    [folder, stretches * steps + 1, steps, tasks, place].map(String),
    { execArgv: ["--expose-gc", "--import", import.meta.resolve("tsx")] },
  );
  try {
    const next = messagesOf(run);
    const start = await next();
    if (start.type !== "start") throw new Error("The run did not start.");
    await next();
    const pid = run.pid ?? 0;
    return await use({
      run,
      pid,
      server: place === "beside" ? childOf(pid) : pid,
      open: (after = []) => Promise.all(PACES.map((pace, i) => watch(start.url, start.run, pace, after[i]))),
      stretch: async () => {
        run.send("continue");
        const said = await next();
        if (said.type !== "stretch") throw new Error("The run ended too early.");
        return said;
      },
    });
  } finally {
    run.kill();
    if (run.exitCode === null && run.signalCode === null) await once(run, "exit");
    await rm(folder, { recursive: true, force: true });
  }
};

/** All events of two hours: who has missed any, and what has grown. */
const volume = (steps: number): Promise<Found> =>
  begun({ stretches: Math.ceil(steps / STRETCH), steps: STRETCH, tasks: FEW_TASKS, place: "beside" }, async (run) => {
    const viewers = await run.open();
    const before = secondsOf(run.server);
    const memory: { readonly server: number; readonly heap: number }[] = [];
    let taken = 0;
    while (taken < steps) {
      const { step, heapMegabytes } = await run.stretch();
      taken = step;
      memory.push({ server: megabytesOf(run.server), heap: heapMegabytes });
    }
    const readers = viewers.filter((_, i) => PACES[i] !== "still");
    for (const viewer of readers) viewer.hurry();
    for (let waited = 0; waited < 30_000 && readers.some(({ last }) => last < taken); waited += 100) await wait(100);
    const seconds = secondsOf(run.server) - before;
    for (const viewer of viewers) viewer.leave();
    const missed = readers.filter(({ last, fault }) => last < taken || fault !== undefined);
    const [server, heap] = [growthOf(memory.map((at) => at.server)), growthOf(memory.map((at) => at.heap))];
    return {
      lines: [
        `${taken} steps: ${readers[0]?.last} events to each of five viewers, ${missed.length} of ${readers.length} that read missed any`,
        `the server of the pages took ${seconds.toFixed(1)} s of processor time for them (${((seconds / taken) * 100).toFixed(2)} % of a core in two hours), ` +
          `and grew by ${server.toFixed(1)} MB in the second half (at most ${MOST_GROWTH.server}; peak ${Math.max(...memory.map((at) => at.server)).toFixed(0)} MB); ` +
          `the heap of the run by ${heap.toFixed(1)} MB (at most ${MOST_GROWTH.heap})`,
      ],
      faults: [
        ...missed.map(({ last, fault }) => `a viewer: ${fault ?? `event ${last} was the last, after ${taken} steps`}`),
        ...(server > MOST_GROWTH.server ? [`the server of the pages grew by ${server.toFixed(0)} MB`] : []),
        ...(heap > MOST_GROWTH.heap ? [`the heap of the run grew by ${heap.toFixed(1)} MB`] : []),
      ],
    };
  });

/** Stretches with five viewers against stretches without. */
const slowdown = (place: "beside" | "within", pairs: number): Promise<Found> => {
  // Within the process that trains, viewers cost what they cost at any pace; steps of milliseconds show it soonest.
  const isQuick = place === "within";
  const steps = isQuick ? STRETCH : LIFELIKE_STRETCH;
  const tasks = isQuick ? FEW_TASKS : MANY_TASKS;
  return begun({ stretches: 2 * pairs + 1, steps, tasks, place }, async (run) => {
    // What is compiled and filled while a run begins belongs to neither.
    const { processorSeconds } = await run.stretch();
    let seen: readonly number[] = [];
    const ratios: number[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const took = { with: 0, without: 0 };
      for (const which of pair % 2 === 0 ? (["without", "with"] as const) : (["with", "without"] as const)) {
        // Each comes back to where it was; the one that stops reading begins anew.
        const viewers = which === "with" ? await run.open(seen) : [];
        took[which] = (await run.stretch()).processorSeconds;
        if (which === "with") seen = viewers.map(({ last }) => last);
        for (const viewer of viewers) viewer.leave();
      }
      ratios.push(took.with / took.without);
    }
    const [low, high] = intervalOf(ratios);
    const text = `${percent(median(ratios))} more, 95 % interval ${percent(low)} to ${percent(high)} of ${pairs} pairs`;
    return {
      lines: [
        `processor time of the run with five viewers, at ${(processorSeconds / steps).toFixed(2)} s a step: ${text} (at most ${percent(MOST_SLOWER)}; ${availableParallelism()} cores)`,
      ],
      // Noise alone does not fail: the whole interval has to lie beyond.
      faults: low > MOST_SLOWER ? [`the run is slower with five viewers: ${text}`] : [],
    };
  });
};

export const check: Check = {
  name: "stream",
  n: 7200,
  brokenN: 4 * STRETCH,
  run: async ({ n, broken }): Promise<Counted> => {
    const found = broken ? [await slowdown("within", 6)] : [await volume(n), await slowdown("beside", PAIRS)];
    const faults = found.flatMap((part) => part.faults);
    return { n, failed: faults.length, lines: [...found.flatMap(({ lines }) => lines), ...faults] };
  },
};

await runAsScript(check, import.meta.url);
