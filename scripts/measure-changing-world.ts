/**
 * Things change while it runs: on the Almanac `web_search` begins to fail half-way through a set of questions, or each of
 * its calls fails at a rate. Accuracy of a trained planner, with and without being shown what failed, and whether every
 * task ends well.
 *
 *   npx tsx scripts/measure-changing-world.ts --model <run> [--tasks 400 --seed 7]
 */
import { parseArgs } from "node:util";
import { openWorld } from "../src/cli/almanac-world.ts";
import { castOf } from "../src/cli/cast.ts";
import { findPlayers } from "../src/cli/model.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import { type AnyTool, createFlow, type FlowState, type Planner, random, randomKey } from "../src/index.ts";
import { failingTool } from "../src/testing/index.ts";
import { evaluate } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "agentflow-tiny" },
    tasks: { type: "string", default: "400" },
    seed: { type: "string", default: "7" },
  },
});
const seed = Number(values.seed);
const world = await openWorld(seed);
const engine = await openEngine((await findPlayers(values.model)).model);
const { policies, model, flow: cast } = castOf(engine, { seed });
const tools = world.tools(model);
const tasks = world.evaluation("validation", { heldOutPages: Number(values.tasks) }).heldOutPages;

/** A planner that is not told what failed: those turns are not in the memory that it sees. */
const unaware =
  (planner: Planner): Planner =>
  (state, context) => {
    const memory = state.memory.filter(({ observation }) => observation.status === "ok");
    const seen: FlowState = { ...state, memory };
    return planner(seen, { ...context, turns: [], history: `${context.history}/${memory.length}/${state.turn}` });
  };

const planner = cast.planner as Planner;
const measure = async (name: string, aware: boolean, broken: (done: number) => boolean): Promise<void> => {
  let done = 0;
  const search = tools.web_search as AnyTool;
  const flow = createFlow({
    ...cast,
    planner: aware ? planner : Object.assign(unaware(planner), { release: planner.release }),
    tools: { ...tools, web_search: failingTool(search, () => broken(done)) },
  });
  const half = { first: [0, 0], second: [0, 0] };
  const report = await evaluate({
    flow,
    tasks,
    reward: world.reward,
    seed,
    concurrency: 1,
    policies,
    onProgress: ({ done: now }) => {
      done = now;
    },
  });
  for (const [i, { id }] of tasks.entries()) {
    const part = i < tasks.length / 2 ? half.first : half.second;
    part[0] = (part[0] ?? 0) + Number(report.outcomes[id] === 1);
    part[1] = (part[1] ?? 0) + 1;
  }
  const percent = ([solved = 0, of = 1]: readonly number[]): string => `${((100 * solved) / of).toFixed(1)} %`;
  console.log(
    `${name.padEnd(44)} first half ${percent(half.first)}  second half ${percent(half.second)}  all ${(100 * report.accuracy).toFixed(1)} % [${report.interval.map((end) => (100 * end).toFixed(1))}]  turns ${report.averageTurns.toFixed(1)}  crashed ${report.noSample} of ${report.n}`,
  );
};

const rate = (share: number) => {
  const draws = random(randomKey(seed, "rate", String(share)));
  return () => draws.next() < share;
};
const halfWay = (done: number): boolean => done >= tasks.length / 2;
for (const aware of [true, false]) {
  const seen = aware ? "failures shown" : "failures hidden";
  await measure(`nothing fails, ${seen}`, aware, () => false);
  await measure(`web_search fails from half-way on, ${seen}`, aware, halfWay);
  const sometimes = rate(0.3);
  await measure(`3 of 10 searches fail from half-way on, ${seen}`, aware, (done) => halfWay(done) && sometimes());
}
await engine.dispose();
