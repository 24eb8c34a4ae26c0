import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../../test/fixtures/tinker.ts";
import { adam, opened, passes, prompt } from "../../../test/fixtures/tinker-caller.ts";
import { decodeSampleResponse } from "../tinker/wire/sample-response.ts";

/** A client that trains one model and samples what it saved. */
const sampled = async (now: () => number = () => 0) => {
  const folder = temporaryFolder();
  const { client, session, model } = await opened({ folder, now });
  let [seq, asked, sessions] = [1, 0, 100];
  return {
    folder,
    client,
    model,
    train: async () => {
      await client.post("forward_backward", passes(model, seq++));
      await client.run("optim_step", { model_id: model, seq_id: seq++, adam_params: adam });
    },
    save: (body: object) => client.run("save_weights_for_sampler", { model_id: model, seq_id: seq++, ...body }),
    open: async (path: unknown): Promise<unknown> => {
      const body = { session_id: session, sampling_session_seq_id: sessions++, model_path: path };
      return (await client.post("create_sampling_session", body)).json.sampling_session_id;
    },
    /** Log-probabilities of the prompt, and of what was drawn from it. */
    draw: async (id: unknown) => {
      const body = { sampling_session_id: id, seq_id: asked++, prompt_logprobs: true, ...prompt };
      const { bytes, json } = await client.run("asample", body);
      if (json.error !== undefined || json.detail !== undefined) return { error: json.error ?? json.detail };
      const { sequences, promptLogProbs } = decodeSampleResponse(bytes);
      return {
        prompt: [...(promptLogProbs ?? [])].slice(1),
        drawn: sequences[0]?.tokens,
        logProbs: [...(sequences[0]?.logProbs ?? [])],
      };
    },
  };
};

describe("a snapshot that is overwritten", () => {
  it("stays what it was to its sessions, and is the new one to new sessions, scored and sampled alike", async () => {
    const { folder, train, save, open, draw, client, model } = await sampled();
    const { path } = (await save({ path: "latest" })).json;
    const first = await open(path);
    const before = await draw(first);
    await train();
    expect((await save({ path: "latest", overwrite: true })).json.path).toBe(path);
    expect(await draw(first)).toEqual(before);
    const second = await open(path);
    const after = await draw(second);
    // The prompt's last token was trained, and what follows it.
    expect(after.prompt?.[1]).toBeGreaterThan(before.prompt?.[1] ?? 0);
    expect(await draw(first)).toEqual(before);
    await train();
    await save({ path: "latest", overwrite: true });
    const third = await draw(await open(path));
    expect(third.prompt?.[1]).toBeGreaterThan(after.prompt?.[1] ?? 0);
    // From the disk too, when newer ones have taken their place.
    for (let i = 0; i < 6; i += 1) {
      await train();
      await draw((await save({ sampling_session_seq_id: i })).json.sampling_session_id);
    }
    expect([await draw(first), await draw(second)]).toEqual([before, after]);
    const listed = (await client.send("GET", `training_runs/${model}/checkpoints`)).json.checkpoints;
    expect(listed).toHaveLength(7);
    await client.run("unload_model", { model_id: model });
    const files = (await readdir(folder, { recursive: true })).map((file) => file.split("/").at(-1));
    expect(files.filter((file) => file?.startsWith("."))).toEqual([]);
    expect(files).toContain("latest");
  });

  it("is sampled by its own weights in a session that was opened at once", async () => {
    const { train, save, open, draw } = await sampled();
    const { path } = (await save({ path: "latest" })).json;
    const base = await draw(await open(path));
    await train();
    await save({ path: "latest", overwrite: true });
    const { prompt: scored = [], drawn = [], logProbs = [] } = await draw(await open(path));
    const fresh = await draw((await save({ sampling_session_seq_id: 0 })).json.sampling_session_id);
    expect({ prompt: scored, drawn, logProbs }).toEqual(fresh);
    expect(fresh).not.toEqual(base);
  });
});

describe("a snapshot without a name", () => {
  it("is kept while it is sampled, however many newer ones there are", async () => {
    let now = 0;
    const { folder, save, train, draw } = await sampled(() => now);
    const first = (await save({ sampling_session_seq_id: 0 })).json.sampling_session_id;
    const before = await draw(first);
    await train();
    for (let i = 1; i <= 40; i += 1) {
      now += 60_000;
      await save({ sampling_session_seq_id: i });
      if (i % 5 === 0) expect(await draw(first)).toEqual(before);
    }
    const names = async (): Promise<readonly string[]> =>
      (await readdir(folder, { recursive: true })).filter((name) => name.includes("unnamed-"));
    // The 32 newest, and the one that is sampled.
    expect(await names()).toHaveLength(33);
  });

  it("ends with a sentence when it was not sampled for as long as a session may be silent, and 32 newer ones are there", async () => {
    let now = 0;
    const { save, draw } = await sampled(() => now);
    const first = (await save({ sampling_session_seq_id: 0 })).json.sampling_session_id;
    for (let i = 1; i <= 40; i += 1) {
      now += 60_000;
      await save({ sampling_session_seq_id: i });
    }
    expect((await draw(first)).error).toMatch(/unnamed-0 is not kept any more: open a sampling session of a newer one/);
  });

  it("has a name that no client may give", async () => {
    const { client, model } = await sampled();
    const body = { model_id: model, seq_id: 1, path: "unnamed-3" };
    const { status, json } = await client.post("save_weights_for_sampler", body);
    expect([status, json.detail]).toEqual([400, expect.stringMatching(/choose another name/)]);
  });
});
