import { describe, expect, it } from "vitest";
import { tabularEngine } from "../../../test/fixtures/tinker.ts";
import { adam, opened, passes } from "../../../test/fixtures/tinker-caller.ts";
import type { Engine, Policy } from "../../engine.ts";

/** An engine of adapters, and the seeds that its policies began with, by name. */
const adapterEngine = () => {
  const inner = tabularEngine();
  const seeds = new Map<string, number[]>();
  const policies = new Map<string, Policy>();
  const engine: Engine = {
    ...inner,
    learns: "adapters",
    policy: (name, options) => {
      const known = policies.get(name);
      if (known !== undefined) return known;
      const policy = inner.policy(name);
      const first = policy.version;
      policy.hold(first);
      seeds.set(name, [options?.lora?.seed ?? -1]);
      const adapter: Policy = {
        ...policy,
        get version() {
          return policy.version;
        },
        reset: async (seed) => {
          seeds.get(name)?.push(seed);
          await policy.restore(first);
        },
      };
      policies.set(name, adapter);
      return adapter;
    },
  };
  return { engine, seeds };
};

describe("policies of a server", () => {
  it("are used again by models of other seeds: 40 models, one after the other, need one", async () => {
    const { engine, seeds } = adapterEngine();
    const { client, session, model } = await opened({ engine });
    await client.run("unload_model", { model_id: model });
    for (let seed = 1; seed <= 40; seed += 1) {
      const body = { session_id: session, model_seq_id: seed, base_model: "tabular", lora_config: { rank: 8, seed } };
      const { model_id: id } = (await client.run("create_model", body)).json;
      const { json } = await client.run("optim_step", { model_id: id, seq_id: 1, adam_params: adam });
      expect(json.metrics).toMatchObject({ grad_norm: 0 });
      await client.post("forward_backward", passes(String(id), 2));
      await client.run("unload_model", { model_id: id });
    }
    // The first had another rank.
    expect([...seeds]).toEqual([
      ["tinker-0", [0]],
      ["tinker-1", Array.from({ length: 40 }, (_, i) => i + 1)],
    ]);
  });

  it("come back from models that could not be made from a checkpoint", async () => {
    const { engine, seeds } = adapterEngine();
    const policy = engine.policy;
    const failing: Engine = {
      ...engine,
      policy: (name, options) => ({
        ...policy(name, options),
        importState: async () => {
          throw new Error("These bytes are not a state.");
        },
      }),
    };
    const { client, session, model } = await opened({ engine: failing });
    const { path } = (await client.run("save_weights", { model_id: model, seq_id: 1, path: "kept" })).json;
    for (let i = 1; i <= 3; i += 1) {
      const { json } = await client.run("load_weights", {
        session_id: session,
        model_seq_id: i,
        path,
        optimizer: true,
      });
      expect(json.error).toMatch(/not a state/);
    }
    expect(seeds.size).toBe(2);
  });
});
