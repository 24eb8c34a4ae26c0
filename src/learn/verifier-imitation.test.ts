import { expect, it } from "vitest";
import { leverVerifier } from "../../test/learn-double.ts";
import { createFlow } from "../flow/flow.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { modelVerifier } from "../flow/model/verifier.ts";
import { leverEnvironment, leverPolicy, leverTools, scriptedPlanner } from "../testing/index.ts";
import { coldStartVerifier, type VerifierColdStartOptions } from "./verifier-imitation.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const planner = leverPolicy();
const taught = async (changes: Partial<VerifierColdStartOptions["recipe"]["verifier"]> = {}) => {
  const policy = leverVerifier();
  const steps: number[] = [];
  const agreement = await coldStartVerifier({
    environment,
    flow: createFlow({ planner: modelPlanner(planner), tools: leverTools }),
    policies: [planner],
    policy,
    recipe: { verifier: { steps: 60, trajectories: 200, batch: 100, learningRate: 0.3, agreement: 0.9, ...changes } },
    seed: 3,
    concurrency: 4,
    onStep: (step) => steps.push(step),
    abortSignal: new AbortController().signal,
  });
  return { policy, steps, agreement };
};

it("a verifier imitates the rules until it agrees with them on unseen tasks, and is published", async () => {
  const { policy, steps, agreement } = await taught();
  expect(agreement.share).toBeGreaterThanOrEqual(0.9);
  expect([agreement.steps, steps.length]).toEqual([25, 25]);
  expect(agreement.verdicts).toBeGreaterThan(50);
  // `press` states a value, `look` does not.
  const flow = createFlow({
    planner: scriptedPlanner(["look left", "press left"]),
    verifier: modelVerifier(policy),
    tools: leverTools,
  });
  const question = { id: "red", question: "which lever opens red", turnLimit: 2 };
  const { memory } = (await flow.solve(question)).trajectory;
  expect(memory.map(({ verdict }) => verdict.decision)).toEqual(["continue", "stop"]);
});

it("it ends with its steps where it does not agree, and says how far it came", async () => {
  const { steps, agreement } = await taught({ steps: 3, learningRate: 0 });
  expect(steps).toEqual([1, 2, 3]);
  expect(agreement.steps).toBe(3);
  expect(agreement.share).toBeLessThan(0.5);
});

it("the same seed gives the same verifier", async () => {
  const [first, second] = [await taught(), await taught()];
  expect(first.policy.version).toBe(second.policy.version);
  expect(first.policy.version).not.toBe(leverVerifier().version);
});
