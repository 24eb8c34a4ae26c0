import { expect, it } from "vitest";
import { type AgentFlowConfig, type Task, tool } from "../../index.ts";
import { toolsetOf } from "../../tool.ts";
import { calculate } from "../../tools/index.ts";
import { checkDecisions } from "../explore/decision.ts";
import { explore } from "../explore/explore.ts";
import { checkDuplicates, checkLeaks, checkReward, checkSpread, checkTasks, checkTools } from "./check-project.ts";
import { calculatorsOf, projectEnvironment } from "./project-environment.ts";
import { readTasks, rewardOf, splitTasks } from "./project-tasks.ts";

/** Boxes that stand on shelves, in halls: two lookups and a value. */
const boxes = Array.from({ length: 60 }, (_, i) => ({
  name: `B-${100 + i}`,
  shelf: `S${i % 7}`,
  weight: 3 + ((i * 37) % 90),
}));

const box = tool<{ code: string }>({
  description: "A box by its code.",
  inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
  execute: ({ code }) => {
    const found = boxes.find(({ name }) => name === code);
    if (found === undefined) throw new Error(`There is no box ${code}.`);
    return { shelf: found.shelf };
  },
});

const scales = tool<{ shelf: string; code: string }>({
  description: "Weighs a box on a shelf.",
  inputSchema: {
    type: "object",
    properties: { shelf: { type: "string" }, code: { type: "string" } },
    required: ["shelf", "code"],
  },
  execute: ({ shelf, code }) => {
    const found = boxes.find((one) => one.name === code && one.shelf === shelf);
    if (found === undefined) throw new Error(`There is no ${code} on ${shelf}.`);
    return { weight: found.weight };
  },
});

const tasks = boxes.map(
  ({ name, weight }): Task => ({
    id: name,
    question: `How heavy is the box ${name}?`,
    sealed: { answer: weight, family: "weight", group: name },
  }),
);

const config: AgentFlowConfig = { tools: { box, scales, calculate }, tasks, budget: { turns: 3 } };
const abortSignal = new AbortController().signal;

const look = async (changed: AgentFlowConfig) => {
  const split = splitTasks(await readTasks(changed, "agentflow.config.ts", 7));
  const training = split.filter(({ sealed }) => sealed.role === "trained" && sealed.split === "train");
  const tools = toolsetOf(changed.tools ?? {});
  const exploration = await explore({
    name: "trained",
    tools,
    calculators: calculatorsOf(tools),
    tasks: training,
    reward: rewardOf(changed),
    flow: {},
    seed: 7,
    turns: 8,
    onProgress: () => undefined,
    abortSignal,
  });
  return {
    split,
    exploration,
    environment: projectEnvironment({ config: changed, tasks: split, exploration, seed: 7 }),
  };
};

it("finds out which arguments fit and which calculation is asked, and nothing is trained that is measured", async () => {
  const { split, exploration, environment } = await look(config);
  const fitting = [...exploration.fits].filter(([, { ok }]) => ok > 0).map(([name]) => name);
  expect(fitting.sort()).toEqual(["box: q code", "scales: box.shelf + q code"]);
  const training = new Set(Array.from({ length: 200 }, (_, i) => environment.train("weight", i).id));
  for (const id of training) expect(exploration.asked.get(id)).toEqual([{ operation: "value", fields: ["weight"] }]);
  const measured = [
    ...environment.evaluation("test").heldOutPages,
    ...environment.evaluation("validation").heldOutPages,
  ];
  expect(measured.length).toBeGreaterThan(4);
  expect(measured.filter(({ id }) => training.has(id))).toEqual([]);
  expect(training.size + measured.length).toBe(tasks.length);
  expect(checkTasks(split, "f")).toMatchObject({ level: "warning" });
  expect(checkTools(config, exploration)).toMatchObject([{ level: "ok" }]);
  expect(checkLeaks(config, split)).toMatchObject({ level: "ok" });
  expect(checkDuplicates(split)).toMatchObject({ level: "ok" });
  expect(await checkReward(config, split)).toMatchObject({ level: "ok" });
  // There is but one way to go.
  expect((await checkSpread(environment, 7, abortSignal)).finding).toMatchObject({
    level: "warning",
    message: expect.stringContaining("100 %"),
  });
  // All of them have the calls that came to their answers, or to those of the others.
  const { routes = [] } = environment;
  expect(routes.map(({ task }) => task.id).sort()).toEqual([...training].sort());
  expect(new Set(routes.map(({ plan }) => plan.join("; ")))).toEqual(
    new Set(["box q1; scales @1.shelf q1; calculate value @2.weight"]),
  );
});

it("says what would make training vain", async () => {
  const few = splitTasks(tasks.slice(0, 3));
  expect(checkTasks(few, "agentflow.config.ts").message).toMatch(
    /^Cannot train on \d tasks: groups need at least 16 \(agentflow.config.ts has 3/,
  );
  const closed = tool<{ shelf: string; code: string }>({
    ...scales,
    execute: () => {
      throw new Error("Closed.");
    },
  });
  const broken = await look({ ...config, tools: { box, scales: closed, calculate } });
  expect(checkTools({ tools: { box, scales: closed, calculate } }, broken.exploration)).toMatchObject([
    {
      level: "error",
      message: expect.stringMatching(/^The tool scales failed in all of \d+ calls, the last one with: Closed\./),
    },
  ]);
  expect((await checkSpread(broken.environment, 7, abortSignal)).finding).toMatchObject({ level: "error" });

  const split = splitTasks(tasks);
  const reward = async (given: NonNullable<AgentFlowConfig["reward"]>) =>
    checkReward({ ...config, reward: given }, split);
  expect(await reward(() => 2)).toMatchObject({ level: "error" });
  expect(await reward(() => 0.5)).toMatchObject({ level: "error", message: expect.stringContaining("gives up") });
  let calls = 0;
  expect(await reward((_, answer) => (answer === undefined ? 0 : calls++ % 2))).toMatchObject({ level: "error" });

  const leaking = tasks.map((task) => ({
    ...task,
    question: `${task.question} It is not 4711.`,
    sealed: { answer: 4711 },
  }));
  expect(checkLeaks(config, splitTasks(leaking))).toMatchObject({ level: "error" });
  const twice = [
    ...tasks,
    ...tasks.map((task) => ({ ...task, id: `${task.id}-again`, sealed: { answer: -1, group: task.id } })),
  ];
  expect(checkDuplicates(splitTasks(twice))).toMatchObject({ level: "error" });
  await expect(readTasks({ ...config, tasks: [...tasks, ...tasks] }, "f", 1)).rejects.toThrow(/have the id B-100/);
});

/** Who is asked depends on the weight: the keeper of the shelf, or the owner. */
const undecided = boxes.map(({ name, shelf, weight }, i): Task => {
  const most = 20 + ((i * 13) % 50);
  const [keeper, owner] = [`Keeper of ${shelf}`, `Owner of ${name}`];
  return {
    id: name,
    question: `If the box ${name} weighs less than ${most}, who keeps its shelf, and if not, who owns it?`,
    sealed: { answer: weight < most ? keeper : owner, family: "who", group: name },
  };
});

const personOf = (argument: string, title: string) =>
  tool<Readonly<Record<string, string>>>({
    description: `The ${title} of a ${argument}.`,
    inputSchema: { type: "object", properties: { [argument]: { type: "string" } }, required: [argument] },
    metadata: { answerField: "person" },
    execute: ({ [argument]: name = "" }) => {
      const isOne = argument === "shelf" ? /^S\d$/u.test(name) : /^B-\d{3}$/u.test(name);
      if (!isOne) throw new Error(`There is no ${argument} ${name}.`);
      return { person: `${title} of ${name}` };
    },
  });

const heavy = tool<{ code: string }>({
  description: "A box by its code.",
  inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
  execute: ({ code }) => {
    const found = boxes.find(({ name }) => name === code);
    if (found === undefined) throw new Error(`There is no box ${code}.`);
    return { shelf: found.shelf, weight: found.weight };
  },
});

it("finds out which comparison decides, and that nothing does where the number is missing", async () => {
  const tools = { box: heavy, keeper: personOf("shelf", "Keeper"), owner: personOf("code", "Owner"), calculate };
  const { exploration, environment } = await look({ tools, tasks: undecided, budget: { turns: 5 } });
  expect(exploration.decisions.get("who")).toEqual({
    between: expect.toSatisfy((names: readonly string[]) => names.toSorted().join() === "keeper,owner"),
    by: "comparing weight",
  });
  const asked = [...exploration.asked.values()];
  expect(asked.length).toBeGreaterThan(20);
  for (const calculations of asked) expect(calculations).toEqual([{ operation: "less", fields: ["weight", "q2"] }]);
  expect(exploration.ways.get("who")?.[0]?.plan).toEqual(["box q1", "calculate less @1.weight q2"]);
  expect(environment.exercised).toEqual(["who"]);
  const routes = [...exploration.routes.values()].map((plan) => plan.join("; "));
  expect(routes).toContain("box q1; calculate less @1.weight q2; keeper @1.shelf");
  expect(routes).toContain("box q1; calculate less @1.weight q2; owner q1");

  const silent = undecided.map(({ question, ...task }) => ({
    ...task,
    question: question.replace(/less than \d+/u, "little"),
  }));
  const other = await look({ tools, tasks: silent, budget: { turns: 5 } });
  expect(other.exploration.decisions.get("who")?.by).toBeUndefined();
  expect(checkDecisions(other.exploration)).toMatchObject([{ level: "warning" }]);
});
