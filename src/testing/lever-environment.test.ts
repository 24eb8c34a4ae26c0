import { expect, it } from "vitest";
import { setNames } from "../environment.ts";
import { ConfigError, createFlow, type Planner } from "../index.ts";
import { leverEnvironment, leverPolicy, leverTools, scriptedModel } from "./index.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const { evaluation, reward, train } = environment;

it("gives tasks of two colours to train on, and keeps a third one back", () => {
  expect(environment.families).toEqual(["red", "green"]);
  expect(train("red", 3)).toEqual({
    id: "train/red/3",
    question: "which lever opens red",
    turnLimit: 2,
    sealed: { family: "red", role: "trained", answer: "left" },
  });
  expect(() => train("mauve", 0)).toThrow(ConfigError);
  const sets = evaluation("test", { heldOutPages: 3, heldOutParaphrase: 3, deep: 3 });
  expect(setNames.map((name) => sets[name].map(({ sealed }) => sealed.family))).toEqual([
    ["red", "green", "red"],
    ["blue", "blue"],
    [],
    [],
  ]);
  expect(evaluation("validation").heldOutPages[0]?.id).toBe("validation/heldOutPages/0");
});

it("rewards the lever that opens the door", () => {
  const answers = ["left", "right", "up", undefined];
  expect(answers.map((answer) => reward(train("green", 0), answer))).toEqual([0, 1, 0, 0]);
});

it("has planners that know the tools: the oracle solves all, a fixed order what the left lever opens", async () => {
  const answersOf = (planner: Planner) =>
    Promise.all(
      ["red", "green"].map(
        async (family) => (await createFlow({ planner, tools: leverTools }).solve(train(family, 0))).trajectory.answer,
      ),
    );
  const find = (id: string) => train(id.split("/")[1] ?? "", 0);
  if (environment.oracle === undefined) throw new Error("The levers have an oracle.");
  expect(await answersOf(environment.oracle(find))).toEqual(["left", "right"]);
  expect(await answersOf(environment.fixedOrder.planner(["press"], find))).toEqual(["left", "left"]);
  expect(await answersOf(environment.fixedOrder.planner(["look"], find))).toEqual([undefined, undefined]);
  expect(await answersOf(environment.randomValid(1, find))).toEqual(["left", "right"]);
});

it("can be changed in its parts, and tells who opens it", async () => {
  const seeds: number[] = [];
  const source = leverEnvironment({ name: "doors", families: ["red"], onOpen: (seed) => seeds.push(seed) });
  expect(source.name).toBe("doors");
  expect(await source.open({ seed: 5 })).toMatchObject({ name: "doors", families: ["red"], hash: "levers-1" });
  expect(seeds).toEqual([5]);
  expect(Object.keys(environment.tools(scriptedModel([])))).toEqual(["press", "look"]);
});

it("goes with a policy that writes nothing but its actions", async () => {
  const policy = leverPolicy();
  const { engine } = policy;
  expect(policy.name).toBe("planner");
  for (const text of ["press left", "look up", "[2]", "@1 value [1]"])
    expect(engine.tokenizer.decode(engine.tokenizer.encode(text))).toBe(text);
});

it("is the same version again after its state was exported and imported", async () => {
  const [policy, other] = [leverPolicy(), leverPolicy()];
  const { tokenizer } = policy.engine;
  const ids = tokenizer.encode("which lever opens red \n [2] \n press left <end>");
  await policy.backward([{ ids, targets: [7, 8, 9] }], [Float32Array.of(1, 0, 0.5)]);
  await policy.optimStep({ learningRate: 0.1 });
  const version = await policy.publish();
  await other.importState(await policy.exportState());
  expect(other.version).toBe(version);
});
