import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import { type CourseOptions, courseOf } from "../../test/training-course.ts";
import type { Policy } from "../engine.ts";
import { ConfigError, ModelError } from "../errors.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { scriptedPolicy } from "../testing/index.ts";
import type { DiagnosedStep } from "./diagnosed-step.ts";
import { type Diagnosis, diagnose, diagnostics } from "./diagnosis.ts";
import { type DiagnosisCause, diagnosisCauses } from "./diagnosis-causes.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import type { StepMetrics } from "./step-metrics.ts";

type Options = FlowGrpoOptions<{ readonly answer: string }>;

/** Trains for real, and gives back what was told on the way. */
const train = async (changes: Partial<Options> = {}, policy: Policy = leverPolicy()) => {
  const told: Diagnosis[] = [];
  const steps: StepMetrics[] = [];
  const run = flowGrpo({
    flow: leverFlow(policy),
    train: [policy],
    tasks: leverTasks,
    reward: leverReward,
    familyOf: ({ id }) => id,
    steps: 25,
    seed: 3,
    tasksPerStep: 3,
    learningRate: 0.4,
    maxRefills: 0,
    onDiagnosis: (diagnosis) => told.push(diagnosis),
    ...changes,
  });
  for await (const step of run) steps.push(step);
  return { steps, told, causes: told.map(({ cause }) => cause), found: diagnose(steps) };
};

/** Tasks in turn, and the step that they are drawn for. */
const tasksInTurn = () => {
  let current = 0;
  const tasks = (index: number, step: number) => {
    current = step;
    return leverTasks[index % leverTasks.length] as (typeof leverTasks)[number];
  };
  return { tasks, step: () => current };
};

const findIn = (found: readonly Diagnosis[], cause: DiagnosisCause): Diagnosis =>
  found.find((one) => one.cause === cause) ?? expect.fail(`${cause} was not found`);

describe("a run that does not learn says why", () => {
  it("all rollouts fail: of which families, since when", async () => {
    const { told } = await train({ reward: () => 0, beta: 0, steps: 10, maxRefills: 2 });
    expect(told).toEqual([
      {
        cause: "all-fail",
        since: 1,
        seen: "No group had different rewards in 8 steps, so nothing was learnt from them: all 576 rollouts of 72 groups earned 0 (families: blue, green, red).",
        advice: expect.stringMatching(/^Begin with easier tasks/),
        families: ["blue", "green", "red"],
      },
    ]);
    const unknown = await train(
      { reward: () => 0, beta: 0, steps: 10, maxRefills: 2 },
      scriptedPolicy(() => "pull left"),
    );
    expect(unknown.told[0]?.advice).toMatch(/does not know these tools/);
  });

  it("all rollouts are solved", async () => {
    const { causes, found } = await train({ reward: () => 1, beta: 0, steps: 24 });
    expect(causes).toEqual(["all-solved"]);
    expect(found[0]).toMatchObject({ since: 1, seen: expect.stringMatching(/576 rollouts of 72 groups earned 1\.00/) });
  });

  it("rewards are missing, which is not 0: undefined ones and flows that fail are told apart", async () => {
    let calls = 0;
    const { found } = await train({
      reward: (task, answer) => (calls++ % 3 === 0 ? undefined : leverReward(task, answer)),
      steps: 8,
    });
    expect(found).toEqual([
      {
        cause: "rewards-missing",
        since: expect.any(Number),
        seen: "40 of 120 rollouts in the last 5 steps (33 %) have no reward, not even 0, and teach nothing: the flow failed in 0, and the reward was undefined in 40.",
        advice: expect.stringMatching(/^Return 0 for an answer that is wrong/),
      },
    ]);
    const policy = leverPolicy();
    const plan = modelPlanner(policy);
    const flow = leverFlow(policy).with({
      planner: (state, context) => {
        calls += 1;
        return calls % 4 === 0 ? Promise.reject(new ModelError("It is down.")) : plan(state, context);
      },
    });
    const failing = await train({ flow, steps: 8, concurrency: 1 }, policy);
    expect(findIn(failing.found, "rewards-missing").advice).toMatch(/^Mend the model, the tool or the engine/);
    const zeros = await train({
      reward: (task, answer) => (answer === "up" ? leverReward(task, answer) : 0),
      steps: 8,
    });
    expect(zeros.causes).toEqual([]);
  });

  it("one tool crowds out the other, and the reward stands still", async () => {
    const { found } = await train({
      reward: (_, answer, cost) => (answer === "left" && cost?.turns === 1 ? 0.3 : 0),
      steps: 45,
    });
    expect(findIn(found, "tool-crowding").seen).toMatch(
      /^press takes 100 % of the turns in the last \d+ steps, look has fallen from \d\d % to 0\.\d %, and the mean reward stands still at 0\.30\.$/,
    );
    // The same plans earn the same again.
    expect(findIn(found, "no-spread").seen).toMatch(/earned the same, 0\.30 on average/);
    expect(findIn(found, "same-rollouts").advice).toMatch(/^The policy is certain of what it does/);
  });

  it("malformed turns rise", async () => {
    let calls = 0;
    const policy = scriptedPolicy(() => {
      calls += 1;
      return calls > 400 && calls % 3 === 0 ? "" : `press ${calls % 2 === 0 ? "left" : "right"}`;
    });
    const { causes, found } = await train({ beta: 0, concurrency: 1 }, policy);
    expect(causes).toEqual(["malformed-rising"]);
    expect(found[0]?.seen).toMatch(
      /^33 % of the turns in the last \d+ steps were no plan that can be read, up from 0 %/,
    );
    expect(found[0]?.since).toBeLessThanOrEqual(17);
  });

  it("sampler and trainer drift apart; a distance that is there from the beginning is none", async () => {
    const off = async (from: number): Promise<readonly Diagnosis[]> => {
      const { tasks, step } = tasksInTurn();
      const policy = leverPolicy();
      const sample = policy.sample.bind(policy);
      vi.spyOn(policy, "sample").mockImplementation(async (request) => {
        const { logProbs, ...rest } = await sample(request);
        return { ...rest, logProbs: logProbs.map((one) => (step() < from ? one : one + 0.4)), exact: false };
      });
      return (await train({ tasks, learningRate: 0.05 }, policy)).told;
    };
    expect(await off(12)).toMatchObject([
      { cause: "sampler-drift", seen: expect.stringMatching(/differ by 0\.\d\d nats a token .* up from 0\.000\.$/) },
    ]);
    expect(await off(0)).toEqual([]);
  });

  it("steps are undone", async () => {
    const { told, steps } = await train({ learningRate: 40, steps: 15, maxRefills: 2 });
    const undone = steps.filter((step) => step.undone);
    expect(undone.length).toBeGreaterThan(2);
    expect(told).toMatchObject([
      {
        cause: "steps-undone",
        since: (undone[0]?.index ?? -1) + 1,
        seen: expect.stringMatching(/^3 of the last \d+ steps .* the guard now uses 1\/\d+ of the learning rate\.$/),
      },
    ]);
  });

  it("the same rollouts come again: the policy is certain, or only its sampler is", async () => {
    const { found } = await train({ beta: 0 }, leverPolicy("planner", 12));
    expect(findIn(found, "same-rollouts")).toMatchObject({
      seen: expect.stringMatching(
        /0 % of them differ, with an entropy of 0\.0\d nats a token and a mean reward of 0\.33\.$/,
      ),
      advice: expect.stringMatching(/^The policy is certain/),
    });
    const greedy = leverPolicy();
    const flow = leverFlow(greedy).with({ planner: modelPlanner(greedy, { temperature: 0 }) });
    const { steps } = await train({ flow, beta: 0 }, greedy);
    const unsure = steps.map((step) => ({ ...step, entropy: 0.9 }));
    expect(findIn(diagnose(unsure), "same-rollouts").advice).toMatch(/^The policy is not certain, but its sampler is/);
  });

  it("nothing longer was ever solved, while longer tasks are tried", async () => {
    const tasks = leverTasks.map((task) => (task.id === "blue" ? task : { ...task, turnLimit: 5 }));
    const reward: Options["reward"] = (task, answer) => (task.id === "blue" ? leverReward(task, answer) : 0);
    const { found } = await train({ tasks, reward, steps: 60 }, leverPolicy("planner", -1));
    expect(findIn(found, "longer-unsolved")).toMatchObject({
      since: 1,
      seen: expect.stringMatching(
        /^No rollout of more than 2 turns has earned more than ½, of \d+ with up to 5 turns, and none of the families green, red\.$/,
      ),
      advice: expect.stringMatching(/^Add tasks that take 3 turns/),
      families: ["green", "red"],
    });
  });

  it("one family is never solved while the others are; which, since when, how often it was tried", async () => {
    const { told, found, steps } = await train({
      reward: (task, answer) => (task.id === "blue" ? 0 : leverReward(task, answer)),
      steps: 45,
    });
    const named = findIn(found, "family-unsolved");
    expect(named).toMatchObject({
      since: 1,
      seen: expect.stringMatching(
        /^A family has earned nothing since step 1, while the others earn (?:0\.9\d|1\.00): blue \(360 rollouts\)\.$/,
      ),
      advice: expect.stringMatching(/learn --check.*shorter relatives.*more turns.*replay: \{ successes \}/),
      families: ["blue"],
    });
    // 8 rollouts a step: as soon as there are 256.
    const first = told.find(({ cause }) => cause === "family-unsolved");
    expect(first?.seen).toContain("blue (256 rollouts)");
    expect(diagnose(steps.slice(0, 31)).map(({ cause }) => cause)).not.toContain("family-unsolved");
    // Runs of earlier versions, and tasks without families, do not say which they are.
    const unnamed = diagnose(steps.map(({ families: _, ...step }) => step));
    expect(unnamed.map(({ cause }) => cause)).not.toContain("family-unsolved");
  });

  it("a family is solved no more: since its last success; it is not meant where it still is, or earns a part", async () => {
    const { tasks, step } = tasksInTurn();
    const lost = (reward: number, from = 12) =>
      train({
        tasks,
        reward: (task, answer) => (task.id === "blue" && step() >= from ? reward : leverReward(task, answer)),
        steps: 46,
      });
    expect(findIn((await lost(0)).found, "family-unsolved")).toMatchObject({ since: 13, families: ["blue"] });
    expect((await lost(0, 40)).causes).not.toContain("family-unsolved");
    expect((await lost(0.3)).causes).not.toContain("family-unsolved");
  });

  it("several families at once, and none as long as the others are not solved either", () => {
    const families = ["one", "two", "three", "four"].map((name, i) => ({ name, odds: i < 2 ? 0 : -40, turns: 3 }));
    const runs = [0.7, 0.2].map((solved) =>
      diagnose(courseOf({ seed: 2, steps: 60, tasksPerStep: 8, groupSize: 8, solved: () => solved, families })),
    );
    expect(findIn(runs[0] ?? [], "family-unsolved")).toMatchObject({
      since: 1,
      seen: expect.stringMatching(
        /^2 families have earned nothing since step 1, while the others earn 0\.\d\d: (?:three|four) \(\d+ rollouts\), (?:three|four) \(\d+ rollouts\)\.$/,
      ),
    });
    expect(runs[1]?.map(({ cause }) => cause)).not.toContain("family-unsolved");
  });

  it("the mean reward stands still although groups are mixed", async () => {
    let calls = 0;
    const { told, found, steps } = await train({
      // Every other rollout, whatever was done.
      tasks: tasksInTurn().tasks,
      reward: () => calls++ % 2,
      tasksPerStep: 8,
      groupSize: 2,
      steps: 110,
      learningRate: 0.05,
      concurrency: 1,
    });
    expect(findIn(found, "no-progress")).toMatchObject({
      seen: expect.stringMatching(
        /^The mean reward has stood still for \d+ steps, at 0\.50 in the last 24 and 0\.50 at best, although 100 % of the groups were mixed\.$/,
      ),
      advice: expect.stringMatching(/which families stay behind.*learn --check/),
    });
    expect(told.map(({ cause }) => cause)).toEqual(["no-progress"]);
    // A window, and three after it without a new best.
    expect(diagnose(steps.slice(0, 95))).toEqual([]);
    expect(diagnose(steps.slice(0, 96))).toMatchObject([{ cause: "no-progress", since: 25 }]);
    // Not where it is as good as it gets, where nothing is mixed, or where it rises.
    const at = (mean: (index: number) => number, mixed = 4): readonly DiagnosisCause[] =>
      diagnose(
        steps.map((one) => ({
          ...one,
          reward: { mean: mean(one.index), standardDeviation: 0.1 },
          groups: { ...one.groups, mixed },
        })),
      ).map(({ cause }) => cause);
    expect(at(() => 0.5)).toEqual(["no-progress"]);
    expect(at(() => 0.92)).toEqual([]);
    expect(at(() => 0.5, 1)).toEqual([]);
    expect(at((index) => 0.5 + index / 2000)).toEqual([]);
  });

  it("the reward collapses, and then everything fails", async () => {
    const { tasks, step } = tasksInTurn();
    const later = new Map([
      ["red", "up"],
      ["green", "left"],
      ["blue", "right"],
    ]);
    const { causes, found } = await train({
      tasks,
      // The world changes under a planner that is certain.
      reward: (task, answer) => (step() < 25 ? leverReward(task, answer) : Number(later.get(task.id) === answer)),
      steps: 50,
    });
    expect(causes[0]).toBe("reward-collapse");
    expect(causes).not.toContain("no-spread");
    expect(findIn(found, "reward-collapse").seen).toMatch(
      /^The mean reward has fallen to 0\.00, from 0\.99 at step \d+\.$/,
    );
    expect(findIn(found, "all-fail").since).toBe(26);
  });
});

const linear = (share: number): number => 0.05 + 0.9 * share;
const late = (share: number): number => 0.05 + 0.9 * share ** 3;
const early = (share: number): number => 0.95 - 0.9 * (1 - share) ** 4;

describe("a run that learns", () => {
  it("names nothing, for real", async () => {
    for (const changes of [
      { groupSize: 8, steps: 12 },
      { groupSize: 2, steps: 60, learningRate: 0.1, maxRefills: 2 },
    ]) {
      const { steps, found } = await train(changes);
      expect(steps.at(-1)?.reward.mean).toBeGreaterThan(0.8);
      expect(found).toEqual([]);
    }
  });

  it.each([
    [1, 2],
    [2, 2],
    [3, 2],
    [4, 2],
    [4, 8],
    [16, 8],
  ])("names nothing with %i tasks of %i rollouts a step, from 5 to 95 % in 100 steps", (tasksPerStep, groupSize) => {
    for (const solved of [linear, late, early])
      for (const seed of [1, 2, 3])
        for (const maxRefills of [0, 2]) {
          const steps = courseOf({ seed, steps: 100, tasksPerStep, groupSize, maxRefills, solved });
          expect(diagnose(steps), `seed ${seed}`).toEqual([]);
        }
  });
});

describe("small steps", () => {
  const stuck = (changes: Partial<CourseOptions>): readonly DiagnosisCause[] =>
    diagnose(courseOf({ seed: 1, steps: 150, tasksPerStep: 1, groupSize: 2, solved: () => 1e-9, ...changes })).map(
      ({ cause }) => cause,
    );

  it("are waited for until they show enough, which less evidence shortens", () => {
    expect(stuck({ steps: 95 })).toEqual([]);
    expect(stuck({ steps: 96 })).toEqual(["all-fail"]);
    expect(stuck({ tasksPerStep: 4, steps: 24 })).toEqual(["all-fail"]);
    expect(stuck({ solved: () => 1 - 1e-9 })).toEqual(["all-solved"]);
    const steps = courseOf({ seed: 1, steps: 10, tasksPerStep: 1, groupSize: 2, solved: () => 1e-9 });
    expect(diagnose(steps, { evidence: 0.1 }).map(({ cause }) => cause)).toEqual(["all-fail"]);
  });

  it("show a collapse as well", () => {
    expect(stuck({ solved: (share) => (share < 0.6 ? 0.8 : 0.02), tasksPerStep: 2 })).toContain("reward-collapse");
  });
});

/** A step of a run in which nothing is wrong, but what is changed. */
const step = (index: number, changes: Partial<DiagnosedStep> = {}): DiagnosedStep => ({
  ...(courseOf({ seed: index, steps: 1, tasksPerStep: 8, groupSize: 8, solved: () => 0.5 })[0] as DiagnosedStep),
  index,
  ...changes,
});
const undone = { undone: true, guard: { stepScale: 0.125, inARow: 1 } } as const;

describe("a cause", () => {
  it("is told once when it begins, and again only if it comes back and lasts", () => {
    const found = diagnostics();
    const bad = new Set([3, 4, 5, 30, 31, 32, 60, 61, 62, 63, 64, 65, 66, 67, 68]);
    const told = Array.from({ length: 100 }, (_, i) =>
      found
        .next(step(i, bad.has(i) ? undone : {}))
        .filter(({ cause }) => cause === "steps-undone")
        .map(({ cause }) => `${cause}@${i}`),
    ).flat();
    // Three of ten steps: until seven steps after the last of them. The second spell lasts eight steps, of which five count.
    expect(told).toEqual(["steps-undone@5", "steps-undone@36", "steps-undone@71"]);
    const spells = found.all.filter(({ cause }) => cause === "steps-undone");
    expect(spells.map(({ since, until }) => [since, until])).toEqual([
      [4, 13],
      [31, 40],
      [61, 76],
    ]);
  });

  it("that holds has the figures of the newest step", () => {
    const steps = Array.from({ length: 8 }, (_, i) => step(i, undone));
    expect(diagnose(steps)[0]?.seen).toMatch(/^8 of the last 8 steps/);
    expect(diagnose(steps)[0]).not.toHaveProperty("until");
  });

  it("is found the same step by step as from all steps, in a bounded memory", () => {
    const course = courseOf({
      seed: 5,
      steps: 400,
      tasksPerStep: 4,
      groupSize: 4,
      solved: (share) => (share < 0.4 ? 0.1 + 2 * share : 1e-9),
    });
    const found = diagnostics();
    const told = course.flatMap((one) => found.next(one));
    expect(found.all).toEqual(diagnose(course));
    expect(found.all.length).toBeGreaterThan(1);
    expect(told.map(({ cause }) => cause).toSorted()).toEqual(found.all.map(({ cause }) => cause).toSorted());
    // What a checkpoint or a file of metrics keeps of them is enough.
    expect(diagnose(JSON.parse(JSON.stringify(course)))).toEqual(found.all);
  });

  it("is found in metrics of earlier versions, as far as they go", () => {
    const old = ({ families: _, distinct: __, byTurns: ___, failed: ____, ...rest }: DiagnosedStep): DiagnosedStep =>
      rest;
    const fails = courseOf({ seed: 1, steps: 10, tasksPerStep: 8, groupSize: 8, solved: () => 1e-9 });
    expect(diagnose(fails.map(old))).toMatchObject([{ cause: "all-fail", since: 1 }]);
    expect(diagnose(fails.map(old))[0]).not.toHaveProperty("families");
    const missing = fails.map((one) => old({ ...one, noSample: 40 }));
    expect(findIn(diagnose(missing), "rewards-missing").seen).toMatch(
      /\(63 %\) have no reward, not even 0, and teach nothing\.$/,
    );
  });

  it("is found whatever tools and families are called", () => {
    const names = ["constructor", "__proto__", "toString"];
    const toolShares = Object.fromEntries(names.map((name) => [name, 1 / 3]));
    const counts = { total: 8, mixed: 0, allSolved: 0, noneSolved: 8 };
    const families = Object.fromEntries(names.map((name) => [name, counts]));
    const steps = Array.from({ length: 9 }, (_, i) =>
      step(i, {
        toolShares: i < 3 ? {} : toolShares,
        families,
        groups: counts,
        reward: { mean: 0, standardDeviation: 0 },
      }),
    );
    expect(diagnose(steps)).toMatchObject([{ cause: "all-fail", families: names.toSorted() }]);
  });
});

it("refuses what is not metrics, and options that cannot be", () => {
  expect(() => diagnose([{ ...step(0), index: -1 }])).toThrow(ConfigError);
  expect(() => diagnose([{ ...step(0), index: -1 }])).toThrow(/steps\[0\]: index is -1: accepted is a whole number/);
  expect(() => diagnostics().next({ ...step(0), reward: { mean: Number.NaN, standardDeviation: 0 } })).toThrow(
    /mean is NaN/,
  );
  expect(() => diagnose([], { evidence: 0 })).toThrow(/evidence is 0/);
  expect(diagnose([])).toEqual([]);
});

it("the documents list each cause", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/your-own-tasks.md"), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, cause]) => cause);
  expect(listed).toEqual([...diagnosisCauses]);
});
