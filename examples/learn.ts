/** Trains the built-in planner inside the flow, by the library: `npx tsx examples/learn.ts [steps]`. */
import { createFlow, modelPlanner } from "agentflow";
import { almanacTasks, almanacTools, loadAlmanac } from "agentflow/almanac";
import { openEngine } from "agentflow/engines/onnx";
import { exactMatch } from "agentflow/tasks";
import { calculate } from "agentflow/tools";
import { evaluate, flowGrpo } from "agentflow/train";

const steps = Number(process.argv[2] ?? 2);
const almanac = await loadAlmanac();
const world = almanacTasks(almanac, 7);
const tasks = world.cells.flatMap((cell) => [0, 1, 2].map((index) => world.train(cell, index)));
const { heldOutPages } = world.evaluation("validation", { heldOutPages: 50 });

const engine = await openEngine("agentflow-tiny");
const planner = engine.policy("planner");
const flow = createFlow({ planner: modelPlanner(planner), tools: almanacTools(almanac, { calculate }) });

const score = async (): Promise<string> => {
  const { accuracy, interval, averageTurns } = await evaluate({ flow, tasks: heldOutPages, reward: exactMatch });
  return `${accuracy.toFixed(2)} [${interval.map((end) => end.toFixed(2))}], ${averageTurns.toFixed(1)} turns`;
};

console.log("before", await score());
const run = flowGrpo({ flow, train: [planner], tasks, reward: exactMatch, tasksPerStep: 8, steps, beta: 0, seed: 7 });
for await (const step of run) console.log("step", step.index + 1, "reward", step.reward.mean.toFixed(2));
console.log("after ", await score());
await engine.dispose();
