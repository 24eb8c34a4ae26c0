import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { quick, tempFolder } from "../../test/learn-double.ts";
import type { Policy } from "../engine.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { leverEnvironment, leverPolicy } from "../testing/index.ts";
import type { Arm } from "./arm.ts";
import type { Claim } from "./claim.ts";
import type { ReproduceEvent } from "./event.ts";
import type { ReproductionGround } from "./ground.ts";
import { accuracyGain } from "./measures/accuracy.ts";
import { type ReproduceOptions, reproduce } from "./reproduce.ts";

/** A policy of levers that keeps its weights in a folder, and tells of each step. */
const kept = (policy: Policy, onStep: () => void): Policy =>
  Object.create(policy, {
    save: {
      value: async (folder: string) => {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, "state.json"), await policy.exportState());
      },
    },
    optimStep: {
      value: (options: Parameters<Policy["optimStep"]>[0]) => {
        onStep();
        return policy.optimStep(options);
      },
    },
  }) as Policy;

const planner =
  (onStep: () => void) =>
  (weights?: string): PlannerSource => ({
    name: "levers",
    open: async () => {
      const policy = leverPolicy();
      if (weights !== undefined) await policy.importState(await readFile(join(weights, "state.json")));
      const one = kept(policy, onStep);
      return { engine: { ...policy.engine, policy: () => one } };
    },
  });

const evaluation = (name: string, of?: string): Arm => ({
  kind: "evaluation",
  name,
  about: name,
  ...(of !== undefined && { planner: of }),
});

const arms: Readonly<Record<string, Arm>> = {
  untrained: evaluation("untrained"),
  "train a": { kind: "training", name: "train a", about: "learns" },
  a: evaluation("a", "train a"),
  "train b": { kind: "training", name: "train b", about: "rewards dealt out at random", permuteRewards: true },
  b: evaluation("b", "train b"),
};

const claim = (id: string, better: string, worse: string): Claim => ({
  id,
  sentence: `${better} beats ${worse}.`,
  published: { figure: "no figure", source: "a test" },
  measured: "accuracy",
  arms: [better, worse],
  measure: accuracyGain({ id, better, worse, sets: ["heldOutPages"] }),
  least: 0.05,
});

const absent: Claim = { ...claim("absent", "a", "b"), arms: ["nothing"], absent: () => "it is not here" };

const ground = (onStep: () => void = () => undefined): ReproductionGround => ({
  environment: leverEnvironment(),
  planner: planner(onStep),
  recipe: { ...quick, steps: 6 },
  claims: [claim("learns", "a", "untrained"), claim("reward", "a", "b"), absent],
  arms,
  hashes: { code: "c", model: "m", world: "w" },
});

const meta = { date: "2026-11-30", commit: "1234567", version: "0", machine: "a test", seeds: [1], steps: 6 };
const sizes = { heldOutPages: 24, heldOutFamily: 0, heldOutParaphrase: 0, deep: 0 };

const run = async (folder: string, options: Partial<ReproduceOptions> = {}) => {
  const events: ReproduceEvent[] = [];
  const { report, ended } = await reproduce({
    folder,
    seeds: [1],
    steps: 6,
    sizes,
    meta,
    ground: ground(),
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { report, ended, begun: events.flatMap((event) => (event.type === "arm-start" ? event.arm.name : [])) };
};

/** Figures alone: seconds are those of the machine. */
const figuresOf = ({ claims }: Awaited<ReturnType<typeof run>>["report"]) => claims;

describe("a reproduction", () => {
  it("runs each arm once, and reports on every claim, also on those that cannot be run", async () => {
    const folder = await tempFolder();
    const { report, ended, begun } = await run(folder);
    expect(begun).toEqual(["untrained", "train a", "a", "train b", "b"]);
    expect(ended).toBe("done");
    expect(report.claims.map(({ id, verdict }) => [id, verdict === "not run"])).toEqual([
      ["learns", false],
      ["reward", false],
      ["absent", true],
    ]);
    expect(report.claims[2]?.why).toBe("it is not here");
    expect(report.claims[0]?.ours?.n).toBe(24);
    expect(report.sampledTokens["train a"]).toHaveLength(1);
    for (const name of ["report.json", "report.md", "report.html", "learns.svg", "reward.svg"])
      expect(await readdir(folder)).toContain(name);
  });

  it("does nothing again, and finds the same", async () => {
    const folder = await tempFolder();
    const first = await run(folder);
    const second = await run(folder);
    expect(second.begun).toEqual([]);
    expect(second.report).toEqual(first.report);
  });

  it("continues after it was stopped between arms, and comes to what it would have come to", async () => {
    const whole = await run(await tempFolder());
    const folder = await tempFolder();
    const stop = new AbortController();
    const cut = await run(folder, {
      abortSignal: stop.signal,
      onEvent: (event) => {
        if (event.type === "arm-end" && event.arm.name === "a") stop.abort();
      },
    });
    expect(cut.ended).toBe("interrupted");
    expect(cut.report.claims[1]).toMatchObject({ verdict: "not run", why: "not done yet: b" });
    const rest = await run(folder);
    expect(rest.begun).toEqual(["train b", "b"]);
    expect(figuresOf(rest.report)).toEqual(figuresOf(whole.report));
  });

  it("resumes training that was stopped in its midst", async () => {
    let all = 0;
    const whole = await run(await tempFolder(), {
      ground: ground(() => {
        all += 1;
      }),
    });
    const folder = await tempFolder();
    const stop = new AbortController();
    let steps = 0;
    const cut = await run(folder, {
      abortSignal: stop.signal,
      ground: ground(() => {
        steps += 1;
        if (steps === 4) stop.abort();
      }),
    });
    expect(cut.ended).toBe("interrupted");
    let again = 0;
    const rest = await run(folder, {
      ground: ground(() => {
        again += 1;
      }),
    });
    expect(figuresOf(rest.report)).toEqual(figuresOf(whole.report));
    // Those before the fourth were on the disk.
    expect(all - again).toBeGreaterThanOrEqual(3);
  });

  it("begins nothing that would not end in time, and says what is missing", async () => {
    let now = 0;
    const clock = { now: () => now, after: () => () => undefined };
    const folder = await tempFolder();
    const late = await run(folder, {
      clock,
      minutes: 60,
      onEvent: (event) => {
        // Each arm takes forty minutes.
        if (event.type === "arm-start") now += 2_400_000;
      },
    });
    expect(late.ended).toBe("out of time");
    expect(late.begun).toEqual(["untrained"]);
    expect(late.report.claims[0]?.why).toBe("not done yet: a");
  });

  it("leaves claims whose arms fail without a verdict, and runs the others", async () => {
    const broken: ReproductionGround = {
      ...ground(),
      arms: {
        ...arms,
        "train b": {
          kind: "imitation",
          name: "train b",
          about: "shown what does not exist",
          shown: "oracle",
          of: "a",
          steps: 1,
        },
      },
    };
    const { report, ended } = await run(await tempFolder(), { ground: broken });
    expect(ended).toBe("done");
    expect(report.claims[0]?.verdict).not.toBe("not run");
    expect(report.claims[1]).toMatchObject({
      verdict: "not run",
      why: "b failed: it needs train b: a has no rollouts to imitate.",
    });
  });

  it("refuses claims that nobody knows, and seeds that are named twice", async () => {
    const folder = await tempFolder();
    await expect(run(folder, { claims: ["flight"] })).rejects.toThrow(
      'There is no claim "flight": accepted are learns, reward, absent.',
    );
    await expect(run(folder, { seeds: [7, 7] })).rejects.toThrow("seeds is [7, 7]: name at least one, each once.");
  });

  it("says which file is damaged", async () => {
    const folder = await tempFolder();
    await run(folder, { claims: ["learns"] });
    const [name = ""] = await readdir(join(folder, "arms"));
    await writeFile(join(folder, "arms", name), "{");
    await expect(run(folder, { claims: ["learns"] })).rejects.toThrow(`${name} is damaged`);
  });
});
