import { describe, expect, it } from "vitest";
import { leverEngine, trajectoryOf } from "../../test/learn-double.ts";
import { EngineError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { randomKey } from "../random.ts";
import { byteTokenizer, leverEnvironment, leverTools, wordTokenizer } from "../testing/index.ts";
import { completion, demonstrate, imitatedOf, imitation, lastArguments } from "./imitated-sequences.ts";

const engine = leverEngine();
const { tokenizer } = engine;
const idsOf = (text: string): number[] => tokenizer.encode(text);

describe("a trajectory as its planner would have sampled it", () => {
  it("has the ids of its prompt, its actions and what came of them, and the actions as targets", async () => {
    const { ids, targets } = imitation(engine, await trajectoryOf(["look up", "press left"]));
    expect(ids).toEqual(idsOf("which lever opens red \n [2] \n look up <end> @1 seen up [1] \n press left <end>"));
    // look up <end> and press left <end>
    expect(targets).toEqual([7, 8, 9, 15, 16, 17]);
    expect(tokenizer.decode(targets.map((at) => ids[at] ?? 0))).toBe("look up <end> press left <end>");
  });

  it("shows the verdict of each turn to a planner that is shown them", async () => {
    const { ids, targets } = imitation(engine, await trajectoryOf(["look up", "press left"]), { verdicts: true });
    expect(ids).not.toEqual(imitation(engine, await trajectoryOf(["look up", "press left"])).ids);
    expect(targets).toHaveLength(6);
  });

  it("has no targets when it does not fit the model", async () => {
    const trajectory = await trajectoryOf(["look up", "press left"]);
    expect(imitation({ ...engine, contextLength: 12 }, trajectory)).toEqual({ ids: [], targets: [] });
  });
});

it("only what worked of a trajectory is imitated where random plans make mistakes, and all of it is seen", async () => {
  const trajectory = await trajectoryOf(["look up", "press left"]);
  const [first, ...rest] = trajectory.memory;
  if (first === undefined) throw new Error("There are two turns.");
  const observation = { status: "refused", reason: "repeated", error: "" } as const;
  const mistaken = { ...trajectory, memory: [{ ...first, observation }, ...rest] };
  const { ids, targets } = imitatedOf({ mistakes: 0.1 })(engine, mistaken);
  expect(tokenizer.decode(targets.map((at) => ids[at] ?? 0))).toBe("press left <end>");
  expect(ids).toEqual(imitation(engine, mistaken).ids);
  expect(imitatedOf({ mistakes: 0 })).toBe(imitation);
  expect(imitatedOf({})).toBe(imitation);
});

describe("the last action of a trajectory", () => {
  it("is imitated but for its tool", async () => {
    const { ids, targets } = lastArguments(engine, await trajectoryOf(["look up", "press left"]));
    expect(ids).toEqual(imitation(engine, await trajectoryOf(["look up", "press left"])).ids);
    expect(targets).toEqual([16, 17]);
  });

  it("is the only one there may be", async () => {
    const { targets } = lastArguments(engine, await trajectoryOf(["press left"]));
    expect(targets).toEqual([8, 9]);
  });
});

describe("a question and its answer", () => {
  it("are a completion whose reply is the target", () => {
    const bytes = byteTokenizer();
    const [answer, end] = [bytes.idOf("<answer>"), bytes.idOf("<end>")];
    expect(completion(bytes, "Q?", "No")).toEqual({
      ids: [...bytes.encode("Q?"), answer, ...bytes.encode("No"), end],
      targets: [3, 4, 5],
    });
    expect(completion(bytes, "Q?", "")).toEqual({ ids: [...bytes.encode("Q?"), answer, end], targets: [3] });
  });

  it("need a vocabulary that has the token between them", () => {
    expect(() => completion(wordTokenizer(["Q?"]), "Q?", "No")).toThrow(EngineError);
    expect(() => completion(wordTokenizer(["Q?"]), "Q?", "No")).toThrow("The vocabulary has no token <answer>.");
  });
});

it("the same key shows the same plans, in the order of the tasks", async () => {
  const environment = await leverEnvironment().open({ seed: 1 });
  const flow = createFlow({ planner: environment.randomValid(0, () => undefined), tools: leverTools });
  const tasks = Array.from({ length: 12 }, (_, i) => environment.train("red", i));
  const actionsOf = async (seed: number) =>
    (await demonstrate(flow, tasks, randomKey(seed))).map(({ memory }) => memory.map(({ step }) => step.raw));
  const first = await actionsOf(1);
  expect(await actionsOf(1)).toEqual(first);
  expect(await actionsOf(2)).not.toEqual(first);
  const ids = (await demonstrate(flow, tasks.slice(0, 3), randomKey(1))).map(({ id, query }) => [id, query.id]);
  expect(ids).toEqual([
    ["demonstration-0", "train/red/0"],
    ["demonstration-1", "train/red/1"],
    ["demonstration-2", "train/red/2"],
  ]);
});
