/** One measurement of one subject in a process of its own: see run.ts. Prints a number. */
import type { Subject } from "./subject.ts";

/** CPU time of this process in microseconds. */
const cpu = async (work: () => Promise<unknown>): Promise<number> => {
  const from = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(from);
  return user + system;
};

const waves = (solve: (i: number) => Promise<unknown>, count: number): Promise<unknown> =>
  Array.from({ length: count }).reduce<Promise<unknown>>(
    (before) => before.then(() => Promise.all(Array.from({ length: 100 }, (_, i) => solve(i)))),
    Promise.resolve(),
  );

/** `quick`: what costs microseconds is repeated more often than what costs milliseconds. */
const measures: Readonly<Record<string, (subject: Subject, quick: boolean, baseURL: string) => Promise<number>>> = {
  turn: async ({ solve: make }, quick) => {
    const solve = make();
    await waves(solve, quick ? 20 : 5);
    const count = quick ? 200 : 10;
    return (await cpu(() => waves(solve, count))) / (count * 300);
  },
  solve: async ({ solve: make }, quick) => {
    const solve = make();
    for (let i = 0; i < (quick ? 300 : 50); i += 1) await solve(i);
    const [begun, times] = [performance.now(), quick ? 5000 : 100];
    for (let i = 0; i < times; i += 1) await solve(i);
    return ((performance.now() - begun) * 1000) / times;
  },
  parked: async ({ solve: make }, quick) => {
    let open = (): void => undefined;
    const wait = new Promise<void>((resolve) => {
      open = resolve;
    });
    const solve = make(wait);
    await waves(make(), 1);
    globalThis.gc?.();
    const [before, count] = [process.memoryUsage().heapUsed, quick ? 10_000 : 500];
    const parked = Array.from({ length: count }, (_, i) => solve(i));
    await new Promise((wake) => setTimeout(wake, quick ? 200 : 2000));
    globalThis.gc?.();
    const held = process.memoryUsage().heapUsed - before;
    open();
    await Promise.all(parked);
    return held / count / 1024;
  },
  http: async (subject, _, baseURL) => {
    const begun = performance.now();
    await overHttp(subject, baseURL);
    return (performance.now() - begun) / 1000;
  },
  httpCpu: async (subject, _, baseURL) => (await cpu(() => overHttp(subject, baseURL))) / 1e6,
  httpMemory: async (subject, _, baseURL) => {
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    await overHttp(subject, baseURL);
    clearInterval(watch);
    return peak / 2 ** 20;
  },
};

/** 1,000 at once, each with twelve calls one after another. */
const overHttp = async ({ ask }: Subject, baseURL: string): Promise<void> => {
  const call = ask?.(baseURL);
  if (call === undefined) throw new Error("This subject brings no client for HTTP.");
  await Promise.all(
    Array.from({ length: 1000 }, async () => {
      for (let i = 0; i < 12; i += 1) await call();
    }),
  );
};

/** Measures a subject as the arguments say: what, and the server's address. */
export const measure = async (subject: Subject, quick: boolean): Promise<never> => {
  const [what = "", baseURL = ""] = process.argv.slice(2);
  const figure = await measures[what]?.(subject, quick, baseURL);
  process.stdout.write(`${figure}\n`, () => process.exit(0));
  return new Promise<never>(() => undefined);
};
