import { describe, expect, it } from "vitest";
import { leverEngine, quick, typesOf } from "../../test/learn-double.ts";
import type { Environment } from "../environment.ts";
import { defined } from "../options.ts";
import { fixedClock, type LeverEnvironmentOptions, leverEnvironment } from "../testing/index.ts";
import type { TrainingState } from "./checkpoint-state.ts";
import type { LearnHappening } from "./event.ts";
import type { Recipe } from "./recipe.ts";
import { secondsOf } from "./run-stream.ts";
import { type AskedSettings, settingsOf } from "./settings.ts";
import { openLearning } from "./start.ts";
import { type TrainingParts, train } from "./training.ts";

interface Session {
  readonly asked?: AskedSettings;
  readonly recipe?: Partial<Recipe>;
  readonly environment?: LeverEnvironmentOptions;
  readonly parts?: Partial<TrainingParts>;
  readonly onEvent?: (event: LearnHappening) => void;
  /** Of the policy, to go on from. */
  readonly state?: Uint8Array;
}

/** Trains with the double, and gives back all that was told, stored and entered. */
const trained = async ({ asked = {}, recipe, environment: changes, parts, onEvent, state }: Session = {}) => {
  const events: LearnHappening[] = [];
  const emit = (event: LearnHappening): void => {
    events.push(event);
    onEvent?.(event);
  };
  const settings = settingsOf({ seed: 3, ...asked });
  const environment = await leverEnvironment(changes).open({ seed: settings.seed });
  const engine = leverEngine();
  const abortSignal = new AbortController().signal;
  const learning = await openLearning({
    settings,
    environment,
    planner: { name: "levers", open: async () => ({ engine }) },
    recipe: { ...quick, ...recipe },
    emit,
    now: () => 0,
    abortSignal,
  });
  const [policy] = learning.policies;
  if (policy === undefined) throw new Error("A policy learns.");
  if (state !== undefined) await policy.importState(state);
  const rows: Record<"metrics" | "timings" | "trajectories" | "journal" | "digests", object[]> = {
    metrics: [],
    timings: [],
    trajectories: [],
    journal: [],
    digests: [],
  };
  const turned: (readonly [number, number])[] = [];
  const entered: string[] = [];
  const checkpoints: { readonly state: TrainingState; readonly policy: Uint8Array }[] = [];
  const result = await train({
    settings,
    learning,
    run: {
      appendMetrics: (row) => rows.metrics.push(row),
      appendTimings: (row) => rows.timings.push(row),
      appendTrajectory: (row) => rows.trajectories.push(row),
      appendJournal: (row) => rows.journal.push(row),
      appendDigest: (row) => rows.digests.push(row),
      turnJournal: async (...at) => void turned.push(at),
    },
    replies: { enter: async (part) => void entered.push(part) },
    emit,
    signals: { abortSignal, stopSignal: abortSignal },
    now: () => 0,
    onCheckpoint: async (saved) => void checkpoints.push({ state: saved, policy: await policy.exportState() }),
    ...parts,
  });
  return { result, events, rows, turned, entered, checkpoints, policy };
};

/** Scores of the validations in a run, one after the other; training is rewarded as usual. */
const scored = (scores: readonly number[]): LeverEnvironmentOptions & Pick<Environment, "reward"> => {
  let seen = 0;
  return {
    reward: ({ id, sealed }, answer) => {
      if (!id.startsWith("validation/")) return sealed.answer === answer ? 1 : 0;
      const score = scores[Math.floor(seen / quick.validation.tasks)] ?? 0;
      seen += 1;
      return score;
    },
  };
};

describe("a run's training", () => {
  it("tells each step, its validation and its checkpoint, in this order, and stores a row of each", async () => {
    const { result, events, rows, entered, turned } = await trained();
    expect(typesOf(events)).toEqual([...[1, 2, 3].flatMap(() => ["step-end", "validation-end"]), "training-end"]);
    expect(events.filter(({ type }) => type === "step-end").map((event) => "step" in event && event.step)).toEqual([
      1, 2, 3,
    ]);
    expect(result).toMatchObject({ steps: 3, endedAsTold: false });
    expect(rows.metrics).toMatchObject([0, 1, 2].map((index) => ({ index, validation: expect.any(Number) })));
    expect(rows.timings).toMatchObject([{ step: 0 }, { step: 1 }, { step: 2 }]);
    expect(rows.digests).toMatchObject([{ step: 0 }, { step: 1 }, { step: 2 }]);
    expect(rows.trajectories.filter((row) => "step" in row && row.step === 1).length).toBeGreaterThanOrEqual(8);
    expect(rows.trajectories[0]).toMatchObject({ phase: "train", step: 0, family: expect.stringMatching(/red|green/) });
    expect(entered).toEqual(["replay", "step-0000001", "step-0000002", "step-0000003"]);
    expect(turned).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
  });

  it("repeats to the bit, whatever the concurrency, and differs by its seed", async () => {
    const versionOf = async (asked: AskedSettings): Promise<string> => (await trained({ asked })).policy.version;
    const version = await versionOf({ seed: 3 });
    expect(await versionOf({ seed: 3, concurrency: 1 })).toBe(version);
    expect(await versionOf({ seed: 4 })).not.toBe(version);
  });

  it("goes on from a checkpoint as if it had never ended", async () => {
    const whole = await trained();
    const [first] = whole.checkpoints;
    const rest = await trained({ parts: { from: first?.state }, state: first?.policy ?? new Uint8Array() });
    expect(rest.policy.version).toBe(whole.policy.version);
    expect(rest.rows.metrics).toEqual(whole.rows.metrics.slice(1));
    expect(rest.rows.digests).toEqual(whole.rows.digests.slice(1));
    const later = whole.rows.trajectories.filter((row) => "step" in row && Number(row.step) > 0);
    expect(rest.rows.trajectories).toEqual(later);
    expect(rest.entered).toEqual(["replay", "step-0000002", "step-0000003"]);
    expect(rest.turned[0]).toEqual([1, 0]);
  });

  it("begins some rollouts along a known route, where the recipe says so, and again so when it is resumed", async () => {
    const { train: drawn } = await leverEnvironment().open({ seed: 3 });
    const routes = Array.from({ length: 8 }, (_, i) => ({ task: drawn("red", i), plan: ["look up", "press left"] }));
    const whole = await trained({ environment: { routes } });
    const begun = whole.rows.trajectories.filter((row) => "begun" in row);
    expect(begun.length).toBeGreaterThan(0);
    for (const row of begun)
      expect(row).toMatchObject({ family: "red", begun: 1, actions: expect.arrayContaining(["look up"]) });
    const [first] = whole.checkpoints;
    const parts = { from: first?.state };
    const rest = await trained({ environment: { routes }, parts, state: first?.policy ?? new Uint8Array() });
    expect(rest.policy.version).toBe(whole.policy.version);
    const { families } = quick;
    const never = await trained({ environment: { routes }, recipe: { families: { ...families, begun: false } } });
    expect(never.rows.trajectories.filter((row) => "begun" in row)).toEqual([]);
  });

  it("counts the seconds of before", async () => {
    const [first] = (await trained()).checkpoints;
    if (first === undefined) throw new Error("There is a checkpoint.");
    const from = { ...first.state, spent: { rollOut: 1000, train: 2000, validate: 3000 } };
    const { result } = await trained({ parts: { from }, state: first.policy });
    expect(result.rollOut).toBeGreaterThan(1000);
    expect(result.train).toBeGreaterThan(2000);
    expect(result).toMatchObject({ validate: 3000, steps: 3 });
  });

  it("validates and saves as often as it is told to", async () => {
    const { rows, checkpoints } = await trained({
      asked: { steps: 5, checkpointEvery: 3 },
      recipe: { validation: { tasks: 2, every: 2 } },
    });
    // The last one is what the best is compared with.
    expect(rows.metrics.map((row) => "validation" in row)).toEqual([false, true, false, true, true]);
    expect(checkpoints.map(({ state }) => state.after.index)).toEqual([2, 4]);
  });

  it("validates on no more tasks than an evaluation has", async () => {
    let validated = 0;
    await trained({
      asked: { steps: 2, evalTasks: 2 },
      environment: {
        reward: ({ id }) => {
          if (id.startsWith("validation/")) validated += 1;
          return 0;
        },
      },
    });
    expect(validated).toBe(2 * 2);
  });

  it("learns: what was a guess is known in the end", async () => {
    const { rows } = await trained({ asked: { steps: 25 }, recipe: { validation: { tasks: 4, every: 25 } } });
    const means = rows.metrics.map((row) => "reward" in row && (row.reward as { readonly mean: number }).mean);
    expect(Number(means.at(-1))).toBeGreaterThan(Number(means[0]));
    expect(means.at(-1)).toBeGreaterThan(0.7);
  });
});

describe("training ends", () => {
  it("once its validations did not get better for a while, and goes back to the best", async () => {
    const { result, events, checkpoints, policy } = await trained({
      asked: { steps: 20, patience: 2 },
      recipe: { average: 1 },
      environment: scored([1, 0, 0, 0]),
    });
    expect(result).toMatchObject({ steps: 3, endedAsTold: true, keptStep: 0 });
    expect(events.at(-1)).toEqual({ type: "training-end", steps: 3, keptStep: 1 });
    expect(checkpoints.at(-1)?.state.kept).toMatchObject({ since: 2, last: 0, best: { step: 0, accuracy: 1 } });
    expect(await policy.exportState()).toEqual(checkpoints[0]?.policy);
  });

  it("between its first weights and its last, also when it was resumed", async () => {
    const session: Session = { asked: { steps: 3 }, recipe: { average: 0.5 } };
    const { policy, checkpoints } = await trained(session);
    const [first, , last] = checkpoints;
    expect(first?.state.start).toHaveLength(1);
    expect(await policy.exportState()).not.toEqual(last?.policy);
    const resumed = await trained({ ...session, parts: { from: first?.state }, ...defined({ state: first?.policy }) });
    expect(resumed.policy.version).toBe(policy.version);
    const whole = await trained({ ...session, recipe: { average: 1 } });
    expect(whole.checkpoints[0]?.state.start).toBeUndefined();
    expect(await whole.policy.exportState()).toEqual(last?.policy);
    // Without a guard the last version is kept.
    const unguarded = await trained({ ...session, asked: { steps: 3, guard: false } });
    expect(await unguarded.policy.exportState()).toEqual(unguarded.checkpoints.at(-1)?.policy);
  });

  it("not while they get better or stay as good", async () => {
    const { result } = await trained({ asked: { steps: 5, patience: 1 }, environment: scored([0, 0.5, 0.5, 1, 1]) });
    expect(result).toMatchObject({ steps: 5, endedAsTold: false, keptStep: undefined });
  });

  it("after the step in which its time is up", async () => {
    const clock = fixedClock();
    const { result, checkpoints } = await trained({
      asked: { steps: 20, minutes: 1 },
      parts: { now: secondsOf(clock) },
      onEvent: ({ type }) => type === "step-end" && clock.advance(25_000),
    });
    // 25 and 50 seconds are within a minute, 75 are not.
    expect(result).toMatchObject({ steps: 3, endedAsTold: true });
    expect(checkpoints.at(-1)?.state.after.index).toBe(2);
  });

  it("after the step in which it is told to stop, with a checkpoint", async () => {
    const stop = new AbortController();
    const { result, checkpoints, rows } = await trained({
      asked: { steps: 20, checkpointEvery: 100 },
      parts: { signals: { abortSignal: new AbortController().signal, stopSignal: stop.signal } },
      onEvent: (event) => event.type === "step-end" && event.step === 2 && stop.abort(),
    });
    expect(result).toMatchObject({ steps: 2, endedAsTold: false });
    expect(checkpoints.map(({ state }) => state.after.index)).toEqual([1]);
    expect(rows.metrics).toHaveLength(2);
  });

  it("at once when it is aborted", async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const training = trained({
      parts: { signals: { abortSignal: abort.signal, stopSignal: new AbortController().signal } },
      onEvent: ({ type }) => {
        seen.push(type);
        if (type === "step-end") abort.abort(new Error("Enough."));
      },
    });
    await expect(training).rejects.toThrow("Enough.");
    expect(seen.at(-1)).toBe("step-end");
  });
});

describe("training without", () => {
  it("a guard keeps the last version, measures no step and looks at nothing in the end", async () => {
    const { result, rows, policy, checkpoints } = await trained({
      asked: { steps: 3, guard: false },
      recipe: { validation: { tasks: 4, every: 2 } },
      environment: scored([1, 0]),
    });
    expect(result.keptStep).toBeUndefined();
    expect(rows.metrics.map((row) => "validation" in row)).toEqual([false, true, false]);
    expect(rows.metrics.every((row) => !("klStep" in row))).toBe(true);
    expect(await policy.exportState()).toEqual(checkpoints.at(-1)?.policy);
    const guarded = await trained({ asked: { steps: 3 } });
    expect(guarded.rows.metrics.some((row) => "klStep" in row)).toBe(true);
  });

  it("replay draws no plans and imitates nothing", async () => {
    const { events, rows } = await trained({ asked: { replay: false } });
    expect(events.filter(({ type }) => type === "stage")).toEqual([]);
    expect(rows.metrics.every((row) => !("replayLoss" in row))).toBe(true);
    const replayed = await trained();
    expect(replayed.events[0]).toEqual({ type: "stage", stage: "drawing 4 random plans to imitate beside the reward" });
    expect(replayed.rows.metrics.every((row) => "replayLoss" in row)).toBe(true);
  });

  it("true rewards comes to other weights, and stores the true ones", async () => {
    const [dealt, fair] = [await trained({ asked: { permuteRewards: true } }), await trained()];
    expect(dealt.policy.version).not.toBe(fair.policy.version);
    // The first step has met the same rollouts.
    const ofFirst = (rows: readonly object[]) => rows.filter((row) => "step" in row && row.step === 0);
    expect(ofFirst(dealt.rows.trajectories)).toEqual(ofFirst(fair.rows.trajectories));
  });
});

describe("training that is done again", () => {
  it("ends where the run did, and as it did", async () => {
    const again = { until: 1, finished: true, outOfTime: false, stops: new Set<number>() };
    const { result, events } = await trained({ asked: { steps: 9 }, parts: { again } });
    expect(result).toMatchObject({ steps: 2, endedAsTold: false });
    expect(typesOf(events).at(-1)).toBe("training-end");
    const late = await trained({ asked: { steps: 9, minutes: 1 }, parts: { again: { ...again, outOfTime: true } } });
    expect(late.result).toMatchObject({ steps: 2, endedAsTold: true });
  });

  it("of a run that died ends without its ending, and saves where it was told to stop", async () => {
    const again = { until: 2, finished: false, outOfTime: false, stops: new Set([1]) };
    const { result, events, checkpoints } = await trained({
      asked: { steps: 9, checkpointEvery: 100 },
      parts: { again },
    });
    expect(result.steps).toBe(3);
    expect(typesOf(events)).not.toContain("training-end");
    expect(checkpoints.map(({ state }) => state.after.index)).toEqual([1]);
  });
});
