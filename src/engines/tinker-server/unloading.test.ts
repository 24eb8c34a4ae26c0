import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { tabularEngine, temporaryFolder } from "../../../test/fixtures/tinker.ts";
import { adam, datum, opened, passes } from "../../../test/fixtures/tinker-caller.ts";
import type { Engine, Policy } from "../../engine.ts";

/** An engine whose policies wait before they compute or export, while the gate is closed. */
const gatedEngine = () => {
  const inner = tabularEngine();
  let gate: Promise<void> = Promise.resolve();
  let open = (): void => undefined;
  const gated = new Map<string, Policy>();
  const engine: Engine = {
    ...inner,
    policy: (name) => {
      const policy = inner.policy(name);
      const made: Policy = gated.get(name) ?? {
        ...policy,
        get version() {
          return policy.version;
        },
        forward: async (...request) => {
          await gate;
          return policy.forward(...request);
        },
        exportState: async () => {
          await gate;
          return policy.exportState();
        },
      };
      gated.set(name, made);
      return made;
    },
  };
  const close = (): void => {
    gate = new Promise((resolve) => {
      open = resolve;
    });
  };
  return { engine, close, open: () => open() };
};

const ratio = datum({ logprobs: [-5, -5, -5, -5], advantages: [1, 1, 1, 1] });
/** Norms of the gradients with which the next models begin: one that is made while a pass runs, and one that is made after it. */
const normsAfter = async (how: "unload" | "finish" | "silence", numbered: boolean): Promise<readonly unknown[]> => {
  const gate = gatedEngine();
  let now = 0;
  const { client, model, session } = await opened({ engine: gate.engine, now: () => now, sessionSeconds: 600 });
  gate.close();
  await client.post("forward_backward", passes(model, numbered ? 1 : 0, { loss: "ppo", data: [ratio] }));
  const ended =
    how === "unload"
      ? client.run("unload_model", { model_id: model })
      : how === "finish"
        ? client.post(`sessions/${session}/finish`, {})
        : undefined;
  if (how === "silence") now += 601_000;
  const next = String((await client.post("create_session", {})).json.session_id);
  const made = await client.run("create_model", { session_id: next, model_seq_id: 0, base_model: "tabular" });
  gate.open();
  await ended;
  const later = await client.run("create_model", { session_id: next, model_seq_id: 1, base_model: "tabular" });
  const norms: unknown[] = [];
  for (const { json } of [made, later]) {
    const step = await client.run("optim_step", { model_id: json.model_id, seq_id: 1, adam_params: adam });
    norms.push((step.json.metrics as { grad_norm: number }).grad_norm);
  }
  return norms;
};

describe("a model that ends while a pass runs", () => {
  for (const how of ["unload", "finish", "silence"] as const)
    for (const numbered of [true, false])
      it(`by ${how} leaves its gradient to nobody, ${numbered ? "with" : "without"} a number`, async () => {
        expect(await normsAfter(how, numbered)).toEqual([0, 0]);
      });

  it("leaves no snapshot behind that was being saved", async () => {
    const gate = gatedEngine();
    const folder = temporaryFolder();
    const { client, model } = await opened({ engine: gate.engine, folder });
    gate.close();
    const saving = { model_id: model, seq_id: 1, sampling_session_seq_id: 0 };
    const saved = await client.post("save_weights_for_sampler", saving);
    const ended = client.run("unload_model", { model_id: model });
    gate.open();
    expect((await ended).json).toMatchObject({ status: "unloaded" });
    await client.result(saved);
    expect(await readdir(folder, { recursive: true })).toEqual([]);
  });

  it("refuses what waits for a number, and what comes", async () => {
    const { client, model } = await opened();
    const waiting = await client.post("optim_step", { model_id: model, seq_id: 2, adam_params: adam });
    await client.run("unload_model", { model_id: model });
    expect((await client.result(waiting)).json.error).toMatch(/was unloaded/);
    expect(await client.post("forward_backward", passes(model, 1))).toMatchObject({ status: 404 });
  });
});

describe("a body that cannot be decoded", () => {
  const broken = (model: string): Uint8Array => Uint8Array.from([...passes(model, 1), 0x1a, 0x05, 0x0a]);

  it("uses its number, and is answered the same when it comes again", async () => {
    const { client, model, logProbs } = await opened();
    const [first, again] = [
      await client.post("forward_backward", broken(model)),
      await client.post("forward_backward", broken(model)),
    ];
    expect(first).toMatchObject({ status: 400, json: { detail: expect.stringMatching(/longer than the message/) } });
    expect(again).toEqual(first);
    expect(await logProbs(2)).toHaveLength(4);
  });

  it("is no text of 200,000 tokens, which is refused for its length", async () => {
    const { client, model, logProbs } = await opened();
    const tokens = new Array<number>(200_000).fill(1);
    const long = { ...datum({}), tokens };
    const { status, json } = await client.post("forward_backward", passes(model, 1, { data: [long] }));
    expect([status, json.detail]).toEqual([400, "Datum 0: it has 200000 tokens: at most 4095 fit."]);
    expect(await logProbs(2)).toHaveLength(4);
  });
});
