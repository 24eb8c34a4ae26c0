import { describe, expect, it } from "vitest";
import { clientOf, quickClock, serverInProcess, temporaryFolder, withRestarts } from "../../../test/fixtures/tinker.ts";
import type { Engine, Policy, TrainingSequence } from "../../engine.ts";
import type { TinkerServer } from "../tinker-server/index.ts";
import type { Transport } from "./http.ts";

const SEQUENCES: readonly TrainingSequence[] = [{ ids: [1, 2, 3, 4], targets: [1, 2, 3] }];

/** Steps of a cold start: none of them is published. */
const train = async (policy: Policy, steps: number): Promise<void> => {
  for (let step = 0; step < steps; step += 1) {
    await policy.backward(SEQUENCES, [Float32Array.of(1, -0.5, 0.25 * step)]);
    await policy.optimStep({ learningRate: 0.02, gradientClip: 0 });
  }
};
const weightsOf = async (policy: Policy): Promise<readonly number[]> => [
  ...((await policy.forward(SEQUENCES)).logProbs[0] ?? []),
];
const plannerOf = (engine: Engine): Policy => engine.policy("planner", { lora: { rank: 4 } });

const listed = async (server: TinkerServer, path: string): Promise<Record<string, never[]>> => {
  const { body } = await server.handle({ method: "GET", path: `/api/v1/${path}`, headers: {} });
  return JSON.parse(new TextDecoder().decode(body)) as Record<string, never[]>;
};
/** Paths of the training states that a server keeps. */
const statesAt = async (server: TinkerServer): Promise<readonly string[]> => {
  const { training_runs: runs = [] } = await listed(server, "training_runs?limit=100");
  const paths: string[] = [];
  for (const { training_run_id: id } of runs as { readonly training_run_id: string }[]) {
    const { checkpoints = [] } = await listed(server, `training_runs/${id}/checkpoints`);
    for (const { tinker_path: path } of checkpoints as { readonly tinker_path: string }[]) paths.push(path);
  }
  return paths.filter((path) => !path.includes("sampler_weights"));
};

describe("steps that are not published", () => {
  it("leave the checkpoints that something needs, and no other", async () => {
    const server = serverInProcess();
    let saves = 0;
    const engine = await clientOf((request) => {
      if (request.path.endsWith("save_weights")) saves += 1;
      return server.handle(request);
    });
    const policy = plannerOf(engine);
    await train(policy, 40);
    // The version that they began with, and after the 16th and the 32nd step a place to begin again.
    expect(saves).toBe(3);
    expect(await statesAt(server)).toHaveLength(2);
    const { path } = JSON.parse(new TextDecoder().decode(await policy.exportState())) as { readonly path: string };
    await policy.save(temporaryFolder());
    expect(saves).toBe(4);
    await policy.publish();
    expect([saves, await statesAt(server)]).toEqual([4, [path]]);
    // A client that ends leaves what it has said to somebody.
    await train(policy, 20);
    expect(await statesAt(server)).toHaveLength(2);
    await engine.dispose();
    expect(await statesAt(server)).toEqual([path]);
  });

  it("keep a state that is exported again and again", async () => {
    const server = serverInProcess();
    const engine = await clientOf(server.handle);
    const policy = plannerOf(engine);
    await train(policy, 1);
    for (let n = 0; n < 20; n += 1) await policy.exportState();
    const state = await policy.exportState();
    const weights = await weightsOf(policy);
    await train(policy, 2);
    await policy.importState(state);
    expect(await weightsOf(policy)).toEqual(weights);
    await engine.dispose();
  });

  it("are each trained once, whenever the server is started again", { timeout: 120_000 }, async () => {
    const outcome = async (transport: Transport): Promise<readonly number[]> => {
      const engine = await clientOf(transport, { clock: quickClock() });
      const policy = plannerOf(engine);
      await train(policy, 19);
      const weights = await weightsOf(policy);
      await engine.dispose();
      return weights;
    };
    const counted = (path: string): boolean => /forward_backward|optim_step|save_weights|retrieve_future/.test(path);
    const { undisturbed, restarted } = await withRestarts(outcome, counted, 3);
    expect(restarted.length).toBeGreaterThan(10);
    for (const one of restarted) expect(one).toEqual({ ...one, result: undisturbed });
  });

  it("can be left for the version that they began with", async () => {
    const server = serverInProcess();
    const engine = await clientOf(server.handle);
    const policy = plannerOf(engine);
    const { version } = policy;
    const weights = await weightsOf(policy);
    await train(policy, 20);
    await policy.restore(version);
    expect([policy.version, await weightsOf(policy)]).toEqual([version, weights]);
    await engine.dispose();
  });
});
