import { describe, expect, it } from "vitest";
import { trajectoryOf } from "../../test/learn-double.ts";
import { ConfigError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { ruleExecutor } from "../flow/rules/executor.ts";
import { randomKey } from "../random.ts";
import { leverEnvironment, leverTools, scriptedPlanner } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { failedForNow, type Trajectory } from "../trajectory.ts";
import { failingCalls, metFailure, requireTools, type ToolFailures, withToolFailures } from "./tool-failures.ts";

const computing = tool<{ expression: string }>({
  description: "Adds.",
  inputSchema: { type: "object", properties: { expression: { type: "string" } }, required: ["expression"] },
  metadata: { computes: true },
  execute: () => "three",
});
const tools = { ...leverTools, add: computing };

interface Solving {
  readonly failures?: ToolFailures;
  readonly seed?: number;
  readonly task?: string;
  /** Which rollout of the task. */
  readonly rollout?: string;
}

const solve = async (script: readonly string[], { failures = 0.5, seed = 7, task = "t", rollout = "0" }: Solving) => {
  const executor = failingCalls(ruleExecutor(), failures, seed);
  const flow = createFlow({ planner: scriptedPlanner(script), executor, tools });
  const query = { id: task, question: "which lever opens red", turnLimit: script.length };
  return (await flow.solve(query, { id: rollout, randomKey: randomKey(rollout) })).trajectory;
};
const failuresIn = ({ memory }: Trajectory): readonly boolean[] =>
  memory.map(({ observation }) => failedForNow(observation));
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

describe("calls that fail at a rate", () => {
  it("are the same in all rollouts of a task, whatever their turn", async () => {
    for (const task of names(20)) {
      const [left, right] = failuresIn(await solve(["look left", "look right"], { task }));
      expect(failuresIn(await solve(["look left", "look right"], { task, rollout: "1" }))).toEqual([left, right]);
      expect(failuresIn(await solve(["look right", "look left"], { task, rollout: "2" }))).toEqual([right, left]);
    }
  });

  it("are others for another seed, task, argument and try, at the rate that was asked for", async () => {
    const again = ["look left", "look left", "look left"];
    const met = await Promise.all(names(400).map(async (task) => failuresIn(await solve(again, { task }))));
    const first = met.filter(([failed]) => failed === true);
    expect(first.length / met.length).toBeCloseTo(0.5, 1);
    // Only what failed may be made again.
    expect(first.filter(([, second]) => second === true).length / first.length).toBeCloseTo(0.5, 1);
    const seeds = await Promise.all(names(40).map(async (task) => failuresIn(await solve(again, { task, seed: 8 }))));
    expect(seeds).not.toEqual(met.slice(0, 40));
  });

  it("say that the service is unavailable for now", async () => {
    const { memory } = await solve(["look left"], { failures: 0.999 });
    expect(memory[0]?.observation).toEqual({
      status: "failed",
      reason: "unavailable",
      error: "503 Service Unavailable",
    });
  });

  it("are not those of tools that compute, unless they are named", async () => {
    const script = ["add 1 + 2", "look left"];
    expect(failuresIn(await solve(script, { failures: 0.999 }))).toEqual([false, true]);
    expect(failuresIn(await solve(script, { failures: { add: 0.999 } }))).toEqual([true, false]);
    expect(failuresIn(await solve(script, { failures: 0 }))).toEqual([false, false]);
  });
});

it("an environment with failures has them for its random planners, too", async () => {
  const environment = withToolFailures(await leverEnvironment().open({ seed: 1 }), 0.999, 7);
  const planner = environment.randomValid(0, () => undefined);
  const flow = createFlow({ ...environment.flow, planner, tools: leverTools });
  expect(metFailure((await flow.solve("which lever opens red")).trajectory)).toBe(true);
  expect(metFailure(await trajectoryOf(["look left"]))).toBe(false);
});

it("an environment keeps its own executor beneath", async () => {
  const own = ruleExecutor();
  const executor = { ...own, run: async () => ({ status: "ok", text: "mine", fields: {} }) as const };
  const environment = withToolFailures(await leverEnvironment({ flow: { executor } }).open({ seed: 1 }), 0, 7);
  const flow = createFlow({ ...environment.flow, planner: scriptedPlanner(["look left"]), tools: leverTools });
  expect((await flow.solve("which lever opens red")).trajectory.memory[0]?.observation).toMatchObject({ text: "mine" });
});

it("a tool that there is not is refused by its name", () => {
  expect(() => requireTools({ lok: 0.3 }, ["press", "look"])).toThrow(ConfigError);
  expect(() => requireTools({ lok: 0.3 }, ["press", "look"])).toThrow(/no tool "lok"\. Accepted are press, look\./);
  for (const failures of [undefined, 0.3, { look: 0.3 }])
    expect(requireTools(failures, ["press", "look"])).toBeUndefined();
});
