import { readdir, readFile, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { serverInProcess, tabularEngine, temporaryFolder } from "../../../test/fixtures/tinker.ts";
import { adam, datum, opened, passes, prompt } from "../../../test/fixtures/tinker-caller.ts";
import { decodeForwardBackwardOutput, type ForwardBackwardRequest } from "../tinker/wire/forward-backward.ts";
import { decodeSampleResponse } from "../tinker/wire/sample-response.ts";
import { listen } from "./index.ts";

describe("training requests", () => {
  it("are executed in the order of their numbers, and wait for one that is missing", async () => {
    const { client, model, logProbs } = await opened();
    const step = await client.post("optim_step", { model_id: model, seq_id: 2, adam_params: adam });
    const after = await client.post("forward_backward", passes(model, 3, { forwardOnly: true }));
    expect((await client.result(step)).json).toMatchObject({ type: "try_again", request_id: step.json.request_id });
    await client.post("forward_backward", passes(model, 1));
    expect((await client.result(step)).json.metrics).toHaveProperty("grad_norm", expect.any(Number));
    const [, trained = 0] =
      decodeForwardBackwardOutput((await client.result(after)).bytes).fields.get("logprobs")?.[0] ?? [];
    // Each of the three contexts moved to its target: Adam's first step is the learning rate, whatever the gradient.
    expect(trained).toBeGreaterThan(-Math.log(259));
    expect(await logProbs(4)).toContain(trained);
    // A number that was refused is used: what comes after it does not wait.
    const refused = await client.post("forward_backward", passes(model, 5, { loss: "dro" }));
    expect(refused).toMatchObject({
      status: 400,
      json: {
        detail: expect.stringMatching(
          /"dro" is not offered: accepted are cross_entropy, importance_sampling, ppo, cispo/,
        ),
      },
    });
    expect(await logProbs(6)).toContain(trained);
  });

  it("are executed once, however often they come; a conflict is 400", async () => {
    const { client, model, session, logProbs, create } = await opened();
    const body = passes(model, 1);
    const [first, again] = [await client.post("forward_backward", body), await client.post("forward_backward", body)];
    expect(again).toEqual(first);
    const other = await client.post("forward_backward", passes(model, 1, { forwardOnly: true }));
    expect(other).toMatchObject({ status: 400, json: { detail: expect.stringMatching(/number 1 was used/) } });
    const optim = { model_id: model, seq_id: 2, adam_params: adam };
    const [step, twice] = [await client.run("optim_step", optim), await client.run("optim_step", optim)];
    expect(twice).toEqual(step);
    const once = await logProbs(3);
    const save = { model_id: model, seq_id: 4, path: "kept" };
    expect(await client.run("save_weights", save)).toEqual(await client.run("save_weights", save));
    const sampler = { model_id: model, seq_id: 5, sampling_session_seq_id: 7 };
    const made = await client.run("save_weights_for_sampler", sampler);
    expect(await client.run("save_weights_for_sampler", sampler)).toEqual(made);
    const draw = { sampling_session_id: made.json.sampling_session_id, seq_id: 0, num_samples: 2, ...prompt };
    const [drawn, redrawn] = [await client.post("asample", draw), await client.post("asample", draw)];
    expect(redrawn).toEqual(drawn);
    expect(drawn.json.sample_sequence_ids).toHaveLength(2);
    expect((await client.result(drawn)).bytes).toEqual((await client.result(redrawn)).bytes);
    expect(await create(0)).toEqual(await create(0));
    const load = { session_id: session, model_seq_id: 1, path: `tinker://${model}/weights/kept`, optimizer: true };
    const loaded = await client.run("load_weights", load);
    expect(await client.run("load_weights", load)).toEqual(loaded);
    expect(loaded.json.model_id).toBe(`${session}:train:1`);
    expect(await logProbs(1, `${session}:train:1`)).toEqual(once);
  });

  it("refuse in a sentence what cannot be trained", async () => {
    const { client, model } = await opened();
    const refusals: readonly (readonly [Partial<ForwardBackwardRequest>, RegExp])[] = [
      [{ data: [] }, /There is no datum/],
      [{ loss: "ppo", lossConfig: new Map([["beta", 1]]) }, /no setting "beta": accepted are clip_low_threshold/],
      [{ data: [datum({ mask: [1, 1, 1, 1] })] }, /cross_entropy reads no "mask"/],
      [{ data: [datum({ weights: [1, 1] })] }, /weights have 2 numbers for 4 tokens/],
      [{ data: [datum({ weights: [1, 1, 1, Number.NaN] })] }, /Datum 0: weights hold a number that is not finite/],
      [{ data: [datum({}, [2, 3, 4, 9999])] }, /token 9999 is not in the vocabulary of 259/],
      [{ data: [datum({}, [2, 7, 4, 5])] }, /target 1 is 7, and the next token 3: give it the weight 0/],
      [{ loss: "importance_sampling", data: [datum({ advantages: [1, 1, 1, 1] })] }, /logprobs are missing/],
    ];
    for (const [i, [changes, why]] of refusals.entries()) {
      const { status, json } = await client.post("forward_backward", passes(model, i + 1, changes));
      expect([why, status]).toEqual([why, 400]);
      expect(String(json.detail)).toMatch(why);
    }
    const { status } = await client.post(
      "forward_backward",
      passes(model, 20, { data: [datum({ weights: [1, 0, 1, 1] }, [2, 7, 4, 5])] }),
    );
    expect(status).toBe(200);
    expect(await client.post("forward_backward", { data: [] })).toMatchObject({ status: 415 });
    expect(await client.post("forward_backward", Uint8Array.of(255, 255))).toMatchObject({ status: 400 });
    expect(await client.post("optim_step", { model_id: "x", seq_id: 1 })).toMatchObject({ status: 404 });
    expect(await client.post("optim_step", [])).toMatchObject({ status: 400 });
  });

  it("refuse settings of an optimiser step, and of what is clipped, that mean nothing", async () => {
    const { client, model, session, logProbs } = await opened();
    const settings = [
      ["learning_rate", -1],
      ["beta1", 1],
      ["beta1", -0.1],
      ["beta2", 1.5],
      ["eps", 0],
      ["eps", -1e-8],
      ["weight_decay", -0.1],
      ["grad_clip_norm", -1],
    ] as const;
    let seq = 1;
    for (const [name, value] of settings) {
      const body = { model_id: model, seq_id: seq++, adam_params: { [name]: value } };
      const { status, json } = await client.post("optim_step", body);
      expect([status, json.detail]).toEqual([
        400,
        expect.stringContaining(`${name} is ${value}: accepted is a number`),
      ]);
    }
    const thresholds = [
      [Number.NaN, 1.2],
      [0.8, Number.NaN],
      [1.2, 0.8],
      [-1, 1],
    ] as const;
    for (const loss of ["ppo", "cispo"])
      for (const [low, high] of thresholds) {
        const lossConfig = new Map([
          ["clip_low_threshold", low],
          ["clip_high_threshold", high],
        ]);
        const { status, json } = await client.post("forward_backward", passes(model, seq++, { loss, lossConfig }));
        expect([status, json.detail]).toEqual([400, expect.stringContaining(`${loss} clips from ${low} to ${high}`)]);
      }
    expect((await client.post("create_model", { session_id: 1 })).json.detail).toBe(
      "session_id is 1: accepted is a text.",
    );
    expect((await client.post("create_model", { session_id: session })).json.detail).toBe(
      "The body lacks model_seq_id.",
    );
    // All numbers were used; 0 and what is left out are settings.
    const step = { learning_rate: 0, beta1: 0, beta2: 0, weight_decay: 0, grad_clip_norm: 0 };
    const { json } = await client.run("optim_step", { model_id: model, seq_id: seq++, adam_params: step });
    expect(json.metrics).toMatchObject({ grad_norm: 0 });
    expect(await logProbs(seq)).toHaveLength(4);
  });

  it("have the losses that the protocol defines", async () => {
    const base = Math.log(1 / 259);
    const cases = [
      {
        loss: "importance_sampling",
        inputs: { logprobs: [base, base - 1, base, base], advantages: [0, 2, -1, 1] },
        sum: -(2 * Math.E - 1 + 1),
      },
      {
        loss: "ppo",
        inputs: { logprobs: [base, base - 1, base + 1, base - 1], advantages: [0, 2, -1, -1] },
        sum: -(2 * 1.2 - 0.8 - Math.E),
      },
      {
        loss: "cispo",
        inputs: { logprobs: [base, base - 2, base, base], advantages: [0, 1, -1, 0] },
        sum: -(4 * base - base),
      },
      { loss: "cross_entropy", inputs: { weights: [0, 1, -2, 0] }, sum: base },
    ];
    for (const { loss, inputs, sum } of cases) {
      const { client, model } = await opened();
      const { bytes } = await client.run("forward_backward", passes(model, 1, { loss, data: [datum(inputs)] }));
      expect(decodeForwardBackwardOutput(bytes).metrics.get("loss:sum")).toBeCloseTo(sum, 4);
    }
    // The gradient of what is clipped is none; one context's gradient is c·√(1/259² ·258 + (258/259)²).
    const { client, model } = await opened();
    await client.post("forward_backward", passes(model, 1, { loss: "ppo", data: [datum(cases[1]?.inputs ?? {})] }));
    const { json } = await client.run("optim_step", { model_id: model, seq_id: 2, adam_params: adam });
    const unit = Math.sqrt((258 / 259) ** 2 + 258 / 259 ** 2);
    expect((json.metrics as { grad_norm: number }).grad_norm).toBeCloseTo(unit * Math.E, 4);
  });
});

describe("snapshots", () => {
  it("stay as they were, and are scored as they were, when eight newer ones were made", async () => {
    const { client, model } = await opened();
    const first = await client.run("save_weights_for_sampler", {
      model_id: model,
      seq_id: 1,
      sampling_session_seq_id: 0,
    });
    const draw = (seq: number, id = first.json.sampling_session_id) =>
      client.run("asample", { sampling_session_id: id, seq_id: seq, num_samples: 2, prompt_logprobs: true, ...prompt });
    const before = await draw(0);
    const { sequences, promptLogProbs } = decodeSampleResponse(before.bytes);
    expect(sequences).toHaveLength(2);
    expect(promptLogProbs?.[0]).toBeNaN();
    expect(promptLogProbs?.[2]).toBeCloseTo(-Math.log(259), 5);
    let newest: unknown;
    for (let i = 0; i < 8; i += 1) {
      const seq = 2 + 3 * i;
      await client.post("forward_backward", passes(model, seq));
      await client.post("optim_step", { model_id: model, seq_id: seq + 1, adam_params: adam });
      const made = await client.run("save_weights_for_sampler", {
        model_id: model,
        seq_id: seq + 2,
        sampling_session_seq_id: i + 1,
      });
      newest = made.json.sampling_session_id;
    }
    expect((await draw(1)).bytes).toEqual(before.bytes);
    const after = decodeSampleResponse((await draw(0, newest as string)).bytes);
    expect(after.promptLogProbs?.[2]).toBeGreaterThan(-5.5);
    expect((await draw(2)).bytes).toEqual(before.bytes);
  });

  it("are named, listed, sampled in another session, and deleted", async () => {
    const { client, model, session } = await opened();
    const named = await client.run("save_weights_for_sampler", { model_id: model, seq_id: 1, path: "pub" });
    expect(named.json).toMatchObject({ path: `tinker://${model}/sampler_weights/pub`, sampling_session_id: null });
    expect(
      (await client.run("save_weights_for_sampler", { model_id: model, seq_id: 2, path: "pub" })).json.error,
    ).toMatch(/exists/);
    const other = (await client.post("create_session", {})).json.session_id;
    const open = (body: object) => client.post("create_sampling_session", { session_id: other, ...body });
    const made = await open({ sampling_session_seq_id: 0, model_path: named.json.path });
    expect((await client.send("GET", `samplers/${made.json.sampling_session_id}`)).json.model_path).toBe(
      named.json.path,
    );
    const drawn = await client.run("asample", {
      sampling_session_id: made.json.sampling_session_id,
      seq_id: 0,
      ...prompt,
    });
    expect(decodeSampleResponse(drawn.bytes).sequences[0]?.tokens).toHaveLength(4);
    expect(await open({ sampling_session_seq_id: 1, base_model: "tabular" })).toMatchObject({ status: 200 });
    expect(await open({ sampling_session_seq_id: 2, base_model: "other" })).toMatchObject({ status: 400 });
    expect(await open({ sampling_session_seq_id: 3, model_path: "tinker://../weights/x" })).toMatchObject({
      status: 404,
    });
    expect(await open({ sampling_session_seq_id: 4, model_path: "tinker://a/weights/.." })).toMatchObject({
      status: 400,
    });
    const listed = (await client.send("GET", `training_runs/${model}/checkpoints`)).json.checkpoints;
    expect(listed).toMatchObject([{ checkpoint_id: "sampler_weights/pub", checkpoint_type: "sampler" }]);
    expect((await client.send("GET", "training_runs?limit=5&offset=0")).json.training_runs).toHaveLength(1);
    const deleted = await client.send("DELETE", `training_runs/${model}/checkpoints/sampler_weights/pub`);
    expect(deleted.status).toBe(204);
    expect((await client.send("GET", `training_runs/${model}/checkpoints`)).json.checkpoints).toEqual([]);
    expect(await client.post("session_heartbeat", { session_id: session })).toMatchObject({ status: 200 });
  });

  it("that are damaged on the disk are refused", async () => {
    const folder = temporaryFolder();
    const { client, model, session } = await opened({ folder });
    const { json } = await client.run("save_weights", { model_id: model, seq_id: 1, path: "st" });
    const file = (await readdir(folder, { recursive: true })).find((name) => name.endsWith("st")) ?? "";
    const bytes = await readFile(join(folder, file));
    bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
    await writeFile(join(folder, file), bytes);
    const load = { session_id: session, model_seq_id: 1, path: json.path, optimizer: true };
    expect((await client.run("load_weights", load)).json).toMatchObject({
      error: expect.stringMatching(/is damaged: its hash is/),
      category: "server",
    });
  });
});

describe("a session", () => {
  it("keeps its results, and gives back its models when it ends or falls silent", async () => {
    let now = 0;
    const { client, session, model, create } = await opened({ now: () => now, sessionSeconds: 600, models: 1 });
    const done = await client.post("forward_backward", passes(model, 1));
    const first = await client.result(done);
    expect((await create(1)).json).toMatchObject({ detail: expect.stringMatching(/lacks request_id/) });
    now += 599_000;
    expect(await client.result(done)).toEqual(first);
    expect(await client.post("session_heartbeat", { session_id: session })).toMatchObject({ status: 200 });
    now += 599_000;
    expect(await client.result(done)).toEqual(first);
    now += 601_000;
    expect(await client.result(done)).toMatchObject({ status: 404 });
    expect(await client.post("session_heartbeat", { session_id: session })).toMatchObject({ status: 404 });
    // Its model's place is free, and its policy starts again, without the gradient that was left in it.
    const next = String((await client.post("create_session", {})).json.session_id);
    const made = await client.run("create_model", { session_id: next, model_seq_id: 0, base_model: "tabular" });
    expect(made.json.model_id).toBe(`${next}:train:0`);
    const optim = await client.run("optim_step", { model_id: made.json.model_id, seq_id: 1, adam_params: adam });
    expect(optim.json.metrics).toMatchObject({ grad_norm: 0 });
    expect(await client.post(`sessions/${next}/finish`, {})).toMatchObject({ status: 200 });
    expect(await client.result(done)).toMatchObject({ status: 404 });
  });
});

describe("a server on the network", () => {
  it("answers with the token, to this machine's names only", async () => {
    const server = serverInProcess({ token: "tml-secret", engine: tabularEngine() });
    const { url, close } = await listen(server);
    const ask = (headers: Record<string, string>, path = "get_server_capabilities"): Promise<number> =>
      new Promise((resolve, reject) => {
        httpRequest(`${url}/api/v1/${path}`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .once("error", reject)
          .end();
      });
    expect(await ask({ "x-api-key": "tml-secret" })).toBe(200);
    expect(await ask({ "x-api-key": "tml-secret", host: `localhost:${new URL(url).port}` })).toBe(200);
    expect(await ask({ "x-api-key": "tml-other" })).toBe(401);
    expect(await ask({})).toBe(401);
    expect(await ask({}, "healthz")).toBe(200);
    expect(await ask({ "x-api-key": "tml-secret", host: "LOCALHOST" })).toBe(200);
    expect(await ask({ "x-api-key": "tml-secret", host: "attacker.example" })).toBe(403);
    await expect(listen(server, { port: Number(new URL(url).port) })).rejects.toThrow(/Choose another port/);
    await close();
    await expect(listen(server, { host: "192.0.2.1" })).rejects.toThrow(/Give an address of this machine/);
  });
});
