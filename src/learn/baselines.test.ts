import { expect, it } from "vitest";
import type { Environment } from "../environment.ts";
import { leverEnvironment, leverTools } from "../testing/index.ts";
import { type BaselineOptions, measureBaselines } from "./baselines.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const measured = (changes: Partial<BaselineOptions> = {}, of: Environment = environment) =>
  measureBaselines({
    environment: of,
    sets: of.evaluation("test", { heldOutPages: 4, heldOutFamily: 2 }),
    tools: leverTools,
    seed: 1,
    concurrency: 2,
    searchTasks: 4,
    ...changes,
  });

it("measures planners that learn nothing on the same tasks", async () => {
  const stages: string[] = [];
  const { bestFixedOrder, oracle, randomValid } = await measured({ onStage: (stage) => stages.push(stage) });
  // The left lever opens red, which is every other task.
  expect(bestFixedOrder.heldOutPages).toMatchObject({ n: 4, accuracy: 0.5 });
  expect(bestFixedOrder.heldOutFamily.accuracy).toBe(0);
  expect(oracle?.heldOutPages).toMatchObject({ n: 4, accuracy: 1, averageTurns: 1 });
  expect(oracle?.heldOutFamily.accuracy).toBe(1);
  expect(randomValid.heldOutPages.accuracy).toBeLessThan(1);
  expect(randomValid.toolErrorRate).toBeLessThanOrEqual(0.5);
  expect(stages).toEqual(["random valid planner", "best fixed order of tools", "oracle"]);
});

it("gives the random planner no hint", async () => {
  const hints: number[] = [];
  const watched: Environment = {
    ...environment,
    randomValid: (reading, taskOf) => {
      hints.push(reading);
      return environment.randomValid(reading, taskOf);
    },
  };
  await measured({}, watched);
  expect(hints).toEqual([0]);
});

it("searches the best order on training tasks, family by family", async () => {
  const trained: string[] = [];
  const watched: Environment = {
    ...environment,
    train: (family, index) => {
      trained.push(`${family}/${index}`);
      return environment.train(family, index);
    },
    // From there it has to find that levers are pressed.
    fixedOrder: { ...environment.fixedOrder, starts: [["look"]] },
  };
  const { bestFixedOrder } = await measured({ searchTasks: 5 }, watched);
  expect(trained).toEqual(["red/0", "green/0", "red/1", "green/1", "red/2"]);
  expect(bestFixedOrder.order).toContain("press");
});

it("leaves the oracle out where nobody knows", async () => {
  const { oracle: _, ...without } = environment;
  const stages: string[] = [];
  const baselines = await measured({ onStage: (stage) => stages.push(stage) }, without);
  expect(baselines).not.toHaveProperty("oracle");
  expect(stages).toHaveLength(2);
});

it("takes each training task once where there are few of them", async () => {
  const ids = new Set<string>();
  const few: Environment = {
    ...environment,
    train: (family) => environment.train(family, 0),
    reward: (task, answer) => {
      if (task.id.startsWith("train/")) ids.add(task.id);
      return environment.reward(task, answer);
    },
  };
  await measured({ searchTasks: 50 }, few);
  expect([...ids].sort()).toEqual(["train/green/0", "train/red/0"]);
});

it("ends when its signal is aborted", async () => {
  const abort = new AbortController();
  const stages: string[] = [];
  const measuring = measured({
    abortSignal: abort.signal,
    onStage: (stage) => {
      stages.push(stage);
      if (stage.startsWith("best")) abort.abort(new Error("Enough."));
    },
  });
  await expect(measuring).rejects.toThrow("Enough.");
  expect(stages.at(-1)).toBe("best fixed order of tools");
});
