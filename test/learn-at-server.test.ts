import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { learn, resume, verify } from "agentflow/learn";
import { leverEnvironment, leverPolicy } from "agentflow/testing";
import { describe, expect, it } from "vitest";
import type { Engine, Policy } from "../src/engine.ts";
import type { TinkerServer } from "../src/engines/tinker-server/index.ts";
import type { LearnEvent } from "../src/learn/event.ts";
import { clientOf, quickClock, serverInProcess, temporaryFolder } from "./fixtures/tinker.ts";
import { quick, readRun, tempFolder } from "./learn-double.ts";

const root = await tempFolder();
const environment = leverEnvironment();
/** A cold start of some steps, and no clipping, which would hide what an average does. */
const recipe = {
  ...quick,
  coldStart: { ...quick.coldStart, steps: 20 },
  grpo: { ...quick.grpo, optimiser: { gradientClip: 0 } },
};

/** A server whose models know the language of the levers, each with weights of its own. */
const leverServer = (folder = temporaryFolder()): TinkerServer => {
  const policies = new Map<string, Policy>();
  const policy = (name: string): Policy => {
    const found = policies.get(name) ?? leverPolicy(name);
    policies.set(name, found);
    return found;
  };
  const engine: Engine = { ...leverPolicy().engine, policy };
  return serverInProcess({ engine, folder, models: 64 });
};
const clientAt = (server: TinkerServer): Promise<Engine> =>
  clientOf(server.handle, { tokenizer: leverPolicy().engine.tokenizer, clock: quickClock() });
const rowsOf = async (folder: string): Promise<readonly string[]> =>
  Promise.all(["metrics.jsonl", "trajectories.jsonl"].map((name) => readFile(join(folder, name), "utf8")));

describe("a run of learning at a server", () => {
  it("learns, and is resumed by another client to the rows of an undisturbed run", async () => {
    const start = async (server: TinkerServer, abortSignal?: AbortSignal) => {
      const planner = await clientAt(server);
      const options = { environment, planner, recipe, folder: root, seed: 3, ...(abortSignal && { abortSignal }) };
      return { planner, run: learn(options) };
    };
    const whole = await start(leverServer());
    const { report } = await readRun(whole.run);
    await whole.planner.dispose();
    expect(report).toMatchObject({ interrupted: false });
    const undisturbed = await rowsOf(join(root, report.run));
    const pointer = await readFile(join(root, report.run, "weights", "tinker.json"), "utf8");
    expect(JSON.parse(pointer)).toMatchObject({ policy: "planner", base: "tabular" });

    const abort = new AbortController();
    const server = leverServer();
    const died = await start(server, abort.signal);
    let folder = "";
    const onEvent = (event: LearnEvent): void => {
      if (event.type === "run-start") folder = event.folder;
      // Its second checkpoint stands: what comes after it is lost.
      if (event.type === "checkpoint-end" && event.step === 2) abort.abort(new Error("Died."));
    };
    await expect(readRun(died.run, onEvent)).rejects.toThrow("Died.");
    const planner = await clientAt(server);
    await readRun(resume(folder, { environment, planner }));
    expect(await rowsOf(folder)).toEqual(undisturbed);
    await planner.dispose();
    await died.planner.dispose();

    // The server is not asked again.
    const found = await verify(folder, { environment });
    expect(found).toMatchObject({ verified: true, steps: 0, differences: [] });
    expect(found.covered).toEqual([
      expect.stringMatching(/^rewards of \d+ answers in evaluations/),
      "the mean reward of 3 steps, from their rows",
    ]);
    expect(found.notCovered[0]).toMatch(
      /^samples, log-probabilities, gradients and weights: they were made at 127\.0\.0\.1:1/,
    );
    const generous = leverEnvironment({ reward: () => 1 });
    const other = await verify(folder, { environment: generous });
    expect(other.verified).toBe(false);
    expect(other.differences[0]).toMatch(
      /trajectories\.jsonl: before, task test\S+: its reward is 0, and scored again 1/,
    );
  });
});
