import { expect, test } from "vitest";
import { createFlow } from "../flow/flow.ts";
import { randomKey } from "../random.ts";
import type { Reply } from "../reply-log.ts";
import { fixedClock, leverPolicy, leverTools, scriptedPlanner } from "../testing/index.ts";
import type { Trajectory } from "../trajectory.ts";
import { createDispatcher, type Job } from "./dispatcher.ts";

const LEASE = 10;
const local = createFlow({ planner: scriptedPlanner(["press left"]), tools: leverTools });

const opened = () => {
  const clock = fixedClock();
  const policy = leverPolicy();
  const kept: Reply[] = [];
  const dispatcher = createDispatcher({
    about: { run: "r" },
    policy: () => policy,
    replies: { open: () => ({ known: undefined, keep: async (reply) => void kept.push(reply) }) },
    clock,
    leaseSeconds: LEASE,
    attempts: 2,
  });
  const flow = dispatcher.flow("training", local);
  const solve = (id: string, abortSignal?: AbortSignal) =>
    flow.solve(
      { id: "red", question: "which lever opens red" },
      { id, randomKey: randomKey(id), ...(abortSignal && { abortSignal }) },
    );
  const take = async (worker: string): Promise<{ readonly job: Job; readonly attempt: number }> =>
    (await dispatcher.handle(worker, { type: "take" })) as never;
  return { clock, dispatcher, solve, take, kept };
};
const empty = (id: string): Trajectory => ({
  schemaVersion: 1,
  id,
  query: { id: "red", question: "which lever opens red" },
  analysis: { entities: [], template: "" },
  memory: [],
  turns: [],
  status: "partial",
  stopReason: "turn-limit",
});
const place = { turn: 1, call: { tool: "press", input: {} }, time: 0 };
const reply = { observation: { status: "ok", text: "left", fields: {} } } as const;

test("a solve whose worker is silent goes to another one, with its replies, and counts once", async () => {
  const { clock, dispatcher, solve, take, kept } = opened();
  const solved = solve("0/0/0");
  const first = await take("a");
  const of = { job: first.job.id, attempt: first.attempt };
  expect(await dispatcher.handle("a", { type: "reply", ...of, place })).toEqual({});
  await dispatcher.handle("a", { type: "keep", ...of, place, reply });
  const second = take("b");
  for (let quarter = 0; quarter < 6; quarter += 1) {
    clock.advance((1000 * LEASE) / 4);
    await dispatcher.handle("b", { type: "beat" });
  }
  const again = await second;
  expect(again).toMatchObject({ job: { id: "0/0/0" }, attempt: 2 });
  const now = { job: "0/0/0", attempt: 2 };
  expect(await dispatcher.handle("b", { type: "reply", ...now, place })).toEqual({ known: reply });
  // The first one was only slow.
  expect(await dispatcher.handle("a", { type: "done", ...of, trajectory: empty("0/0/0") })).toEqual({ gone: true });
  await dispatcher.handle("b", { type: "done", ...now, trajectory: empty("0/0/0") });
  expect((await solved).trajectory).toEqual({ ...empty("0/0/0"), worker: "b" });
  expect(kept).toEqual([reply]);
  expect(await dispatcher.handle("b", { type: "done", ...now, trajectory: empty("0/0/0") })).toEqual({ gone: true });
});

test("what was not sampled by the run is a failure, and so is a solve that loses its workers", async () => {
  const { dispatcher, solve, take } = opened();
  const solved = solve("0/0/1");
  const { job, attempt } = await take("a");
  const turn = {
    module: "planner",
    policy: "planner",
    version: "v",
    turn: 1,
    prompt: [],
    ids: [1, 2],
    behaviourLogProbs: [0, 0],
  };
  await dispatcher.handle("a", { type: "done", job: job.id, attempt, trajectory: { ...empty(job.id), turns: [turn] } });
  expect((await solved).trajectory).toMatchObject({
    status: "failed",
    failure: expect.stringContaining("not sampled"),
  });

  const lost = solve("0/0/2");
  for (const worker of ["a", "b"]) {
    await take(worker);
    await dispatcher.handle(worker, { type: "leave" });
  }
  expect((await lost).trajectory.failure).toMatch(/workers were lost 2 times/);
});

test("an abort ends a solve that nobody has and one that somebody has; a closed run says so", async () => {
  const { dispatcher, solve, take } = opened();
  const abort = new AbortController();
  const both = [solve("0/0/3", abort.signal), solve("0/0/4", abort.signal)];
  const { job, attempt } = await take("a");
  abort.abort();
  for (const solved of both) expect(await solved).toMatchObject({ status: "partial", stopReason: "aborted" });
  expect(await dispatcher.handle("a", { type: "sample", job: job.id, attempt })).toEqual({ gone: true });
  const waiting = take("a");
  dispatcher.close();
  expect(await waiting).toEqual({ ended: true });
});
