import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { leverEngine, quick, readRun, tempFolder, watchedEngine } from "../../test/learn-double.ts";
import { readRun as readStored } from "../store/stored-run.ts";
import { leverEnvironment } from "../testing/index.ts";
import { diagnosisOfRun, stepRows } from "./diagnosis.ts";
import type { LearnEvent } from "./event.ts";
import { learn, resume } from "./learn.ts";
import type { LearnOptions } from "./options.ts";
import { verify } from "./verify.ts";

const root = await tempFolder();
/** Training earns nothing in the first steps; everything else is rewarded as usual. */
const failing = (until: number) => {
  let rollouts = 0;
  return leverEnvironment({
    reward: ({ sealed }, answer, cost) => {
      // Evaluations leave the cost out.
      if (cost === undefined) return sealed.answer === answer ? 1 : 0;
      rollouts += 1;
      return rollouts > until * 128 && sealed.answer === answer ? 1 : 0;
    },
  });
};
const never = failing(Number.POSITIVE_INFINITY);
const recipe = { ...quick, steps: 6, grpo: { ...quick.grpo, groupSize: 8, tasksPerStep: 16 } };
const started = (options: Partial<LearnOptions> = {}) =>
  learn({ environment: never, planner: leverEngine(), recipe, folder: root, seed: 3, ...options });
const toldIn = (events: readonly LearnEvent[]) =>
  events.flatMap((event, i) => {
    const before = events.slice(0, i).findLast(({ type }) => type === "step-end");
    if (event.type !== "diagnosis" || event.diagnosis === undefined) return [];
    return [{ after: before?.type === "step-end" ? before.step : 0, ...event }];
  });

const whole = await readRun(started());
const folder = join(root, whole.report.run);

it("is told once, when it begins, and stands in the report with the figures of the end", async () => {
  expect(toldIn(whole.events)).toEqual([
    {
      schemaVersion: 1,
      sequence: expect.any(Number),
      type: "diagnosis",
      after: 4,
      message: expect.stringMatching(
        /^No group had different rewards in 4 steps, .*0 \(families: green, red\)\. Begin with/,
      ),
      diagnosis: {
        cause: "all-fail",
        since: 1,
        seen: expect.stringMatching(/in 4 steps/),
        advice: expect.stringMatching(/^Begin with easier tasks/),
        families: ["green", "red"],
      },
    },
  ]);
  expect(whole.report.diagnosis).toMatchObject([
    {
      cause: "all-fail",
      since: 1,
      seen: expect.stringMatching(/in 6 steps, .* all 768 rollouts of 96 groups earned 0/),
    },
  ]);
  const stored = JSON.parse(await readFile(join(folder, "report.json"), "utf8"));
  expect(stored.diagnosis).toEqual(whole.report.diagnosis);
});

it("is the same of a run that was resumed, which tells no cause twice, and of one that is verified", async () => {
  for (const [died, told] of [
    [2, [4]],
    [5, []],
  ] as const) {
    const abort = new AbortController();
    const onStep = (at: number) => at === died && abort.abort(new Error("Died."));
    let left = "";
    const dying = readRun(started({ planner: watchedEngine({ onStep }), abortSignal: abort.signal }), (event) => {
      if (event.type === "run-start") left = event.folder;
    });
    await expect(dying).rejects.toThrow("Died.");
    const { events, report } = await readRun(resume(left, { environment: never, planner: leverEngine() }));
    expect(toldIn(events).map(({ after }) => after)).toEqual(told);
    expect(report.diagnosis).toEqual(whole.report.diagnosis);
  }
  const found = await verify(folder, { environment: never, planner: leverEngine() });
  expect([found.differences, found.verified]).toEqual([[], true]);
});

it("that came and went is in the report with its steps, and told no more", async () => {
  const steps = 14;
  const { events, report } = await readRun(started({ environment: failing(5), steps }));
  expect(toldIn(events).map(({ after, diagnosis }) => [after, diagnosis?.cause])).toEqual([[4, "all-fail"]]);
  expect(report.diagnosis).toMatchObject([{ cause: "all-fail", since: 1, until: 5 }]);
  expect(diagnosisOfRun(await readStored(root, report.run))).toEqual(report.diagnosis);
});

it("is read from a run of an earlier version, and from one that is under way", async () => {
  const { metrics } = await readStored(root, whole.report.run);
  const old = (metrics as Record<string, unknown>[]).map(
    ({ families: _, distinct: __, byTurns: ___, failed: ____, ...row }) => row,
  );
  const [found] = whole.report.diagnosis;
  const { families: _, ...rest } = found ?? expect.fail("nothing was found");
  expect(diagnosisOfRun({ metrics: old })).toEqual([
    { ...rest, seen: rest.seen.replace(" (families: green, red)", "") },
  ]);
  const four = diagnosisOfRun({ metrics: metrics.slice(0, 4) });
  expect(four).toMatchObject([{ cause: "all-fail", seen: expect.stringMatching(/in 4 steps/) }]);
});

it("leaves out rows that are not those of steps", async () => {
  const { metrics } = await readStored(root, whole.report.run);
  const strange = [null, 5, "x", [], {}, { index: "0" }, { ...(metrics[0] as object), groups: null }];
  expect(stepRows([...strange, ...metrics])).toEqual(metrics);
  await writeFile(join(folder, "metrics.jsonl"), "[]\n{}\n");
  expect(diagnosisOfRun(await readStored(root, whole.report.run))).toEqual([]);
});
