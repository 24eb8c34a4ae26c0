import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../../test/fixtures/tinker.ts";
import { opened } from "../../../test/fixtures/tinker-caller.ts";

interface Run {
  readonly training_run_id: string;
  readonly corrupted: boolean;
}

describe("training runs", () => {
  it("leave out what is no checkpoint, and say which is damaged", async () => {
    const folder = temporaryFolder();
    const { client, model } = await opened({ folder });
    await client.run("save_weights", { model_id: model, seq_id: 1, path: "kept" });
    const [saved = ""] = await readdir(folder);
    await writeFile(join(folder, "notes.txt"), "hello");
    for (const name of ["100%", "empty", "bare/weights", "odd/weights/st/inner", "..."])
      await mkdir(join(folder, name), { recursive: true });
    await mkdir(join(folder, "cut", "weights"), { recursive: true });
    await writeFile(join(folder, "cut", "weights", "st"), "");
    await writeFile(join(folder, saved, "weights", "stray.txt"), "");
    const { status, json } = await client.send("GET", "training_runs");
    expect(status).toBe(200);
    const found = (json.training_runs as Run[]).map(({ training_run_id: id, corrupted }) => [id, corrupted]);
    expect(found.sort()).toEqual(
      [
        ["cut", true],
        ["odd", true],
        [model, false],
      ].sort(),
    );
    expect(json.cursor).toEqual({ offset: 0, limit: 20, total_count: 3 });
    expect((await client.send("GET", "training_runs/cut")).json).toMatchObject({ corrupted: true });
    expect(await client.send("GET", "training_runs/cut/checkpoints")).toMatchObject({ json: { checkpoints: [] } });
    expect(await client.send("GET", "training_runs/notes.txt")).toMatchObject({ status: 404 });
    // One that is damaged can be deleted.
    for (const run of ["cut", "odd"])
      expect(await client.send("DELETE", `training_runs/${run}/checkpoints/weights/st`)).toMatchObject({ status: 204 });
    expect((await client.send("GET", "training_runs")).json.training_runs).toHaveLength(1);
  });

  it("are cut by whole numbers only", async () => {
    const { client } = await opened();
    for (const query of ["limit=abc", "limit=-1", "offset=-2", "offset=1.5", "limit="])
      expect(await client.send("GET", `training_runs?${query}`)).toMatchObject({
        status: 400,
        json: { detail: expect.stringMatching(/accepted is a whole number, 0 or more/) },
      });
    expect((await client.send("GET", "training_runs?limit=0")).json.training_runs).toEqual([]);
  });

  it("never leave the folder", async () => {
    const folder = join(temporaryFolder(), "checkpoints");
    const { client, model } = await opened({ folder });
    await client.run("save_weights", { model_id: model, seq_id: 1, path: "kept" });
    await mkdir(join(folder, "..", "weights"));
    await writeFile(join(folder, "..", "weights", "secret"), "");
    const { status, json } = await client.post("weights_info", { tinker_path: "tinker://../weights/secret" });
    expect([status, json.detail]).toEqual([404, "There is no checkpoint tinker://../weights/secret."]);
    for (const id of ["\ud800", "x".repeat(300)]) {
      const answer = await client.post("weights_info", { tinker_path: `tinker://${id}/weights/st` });
      expect([400, 404]).toContain(answer.status);
    }
  });
});

describe("a name of 255 characters", () => {
  it("can be saved and loaded", async () => {
    const { client, session, model } = await opened();
    const { json } = await client.run("save_weights", { model_id: model, seq_id: 1, path: "n".repeat(255) });
    expect(json.path).toBe(`tinker://${model}/weights/${"n".repeat(255)}`);
    const load = { session_id: session, model_seq_id: 1, path: json.path, optimizer: true };
    expect((await client.run("load_weights", load)).json).toMatchObject({ type: "load_weights" });
  });
});

describe("a path that is none", () => {
  it("is refused in a sentence", async () => {
    const { server } = await opened();
    for (const path of ["//", "//x/api/v1/healthz", "/api/v1/%E0%A4%A", "*"]) {
      const { status, body } = await server.handle({ method: "GET", path, headers: {}, body: undefined });
      expect([path, status, new TextDecoder().decode(body)]).toEqual([path, 400, expect.stringMatching(/is no path/)]);
    }
  });
});
