import { expect, it } from "vitest";
import { leverEnvironment, leverTools } from "../testing/index.ts";
import { walkRoutes } from "./routes.ts";

const { train, ...environment } = await leverEnvironment().open({ seed: 1 });
const routes = [
  { task: train("red", 0), plan: ["look up", "press left"] },
  { task: train("red", 1), plan: ["look up", "press right"] },
  { task: train("green", 0), plan: ["press right"] },
];
const walk = async (permuted?: boolean) => {
  const abortSignal = new AbortController().signal;
  const walked = await walkRoutes({
    environment: { ...environment, routes },
    tools: leverTools,
    seed: 2,
    permuted,
    abortSignal,
  });
  return walked.map(({ task, trajectory }) => [task.id, trajectory.memory.map(({ step }) => step.raw)]);
};

it("keeps the routes that still come to an answer", async () => {
  expect(await walk()).toEqual([
    ["train/red/0", ["look up", "press left"]],
    ["train/green/0", ["press right"]],
  ]);
});

it("gives each task the route of another one where rewards are permuted, whatever comes of it", async () => {
  const dealt = await walk(true);
  expect(dealt.map(([id]) => id)).toEqual(["train/red/0", "train/red/1", "train/green/0"]);
  const plans = dealt.map(([, plan]) => JSON.stringify(plan));
  expect([...plans].sort()).toEqual(routes.map(({ plan }) => JSON.stringify(plan)).sort());
  expect(plans).not.toEqual(routes.map(({ plan }) => JSON.stringify(plan)));
});
