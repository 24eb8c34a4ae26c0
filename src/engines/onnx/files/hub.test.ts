import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelRepo, shardedRepo } from "../../../../test/fixtures/hub.ts";
import { type HubRepo, type HubServer, type HubServerOptions, hubServer } from "../../../testing/index.ts";
import { ggufParts } from "./gguf-writer.ts";
import { type PullEvent, type PullOptions, pullModel } from "./hub.ts";
import { verifyManifest } from "./manifest.ts";
import { type CachedModel, listModels, removeModel, resolveModel } from "./model-cache.ts";
import { openModelFiles } from "./open-model.ts";

const WEIGHTS = "model.safetensors";
const weights = modelRepo.files[WEIGHTS] as Uint8Array;

let cache: string;
let server: HubServer;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "agentflow-hub-"));
});
afterEach(async () => {
  await server.close();
  await rm(cache, { recursive: true });
});

const serve = async (options: Partial<HubServerOptions> = {}): Promise<void> => {
  server = await hubServer({ repos: { "tiny/llama": modelRepo, "tiny/parts": shardedRepo }, ...options });
};
const environment = (more: Record<string, string> = {}) => ({
  AGENTFLOW_CACHE: cache,
  HF_ENDPOINT: server.url,
  ...more,
});
const pull = (name = "tiny/llama", options: PullOptions = {}): Promise<CachedModel> =>
  pullModel(name, { environment: environment(), connection: { pauseMs: 1 }, ...options });
const ranges = (): (string | undefined)[] =>
  server.requests.filter(({ part, path }) => part === "content" && path === WEIGHTS).map(({ range }) => range);
/** Files of the only model folder in the cache. */
const filesThere = async (): Promise<string[]> => {
  const [model] = await listModels(cache);
  return model === undefined ? [] : (await readdir(model.folder)).sort();
};

describe("pulling a model", () => {
  it("brings what an engine needs, and nothing else", async () => {
    await serve();
    const events: PullEvent[] = [];
    const model = await pull("tiny/llama", { onEvent: (event) => events.push(event) });
    expect(await filesThere()).toEqual([
      "config.json",
      "manifest.json",
      WEIGHTS,
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    expect(model).toMatchObject({ repo: "tiny/llama", complete: true, commit: server.commitOf("tiny/llama") });
    expect(model.about).toMatchObject({ architecture: "llama", revision: "main" });
    await verifyManifest(model.folder);
    const files = await openModelFiles(model.path);
    expect(files.config.num_hidden_layers).toBe(2);
    await files.tensors.close();

    const counted = events.flatMap((event) => (event.type === "pull-bytes" ? [event.bytes] : []));
    expect(counted).toEqual(counted.toSorted((a, b) => a - b));
    const last = events.at(-1);
    expect(last?.type === "pull-bytes" && last.bytes === last.total).toBe(true);

    // A second pull asks for the commit and moves nothing.
    const before = server.requests.length;
    expect(await pull()).toEqual(model);
    expect(server.requests.slice(before).every(({ part }) => part === "api")).toBe(true);
    // No locks are left.
    expect(await readdir(join(model.folder, ".."))).toEqual([model.commit]);
  });

  it("brings the parts that an index lists", async () => {
    await serve();
    const model = await pull("tiny/parts");
    const files = await openModelFiles(model.path);
    expect((await files.tensors.read("model.norm.weight")).length).toBe(32);
    await files.tensors.close();
    expect((await filesThere()).filter((name) => name.endsWith(".safetensors"))).toHaveLength(2);
  });

  it("goes on where it was interrupted: only the rest is asked for", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "cut", after: 20_000, times: 1 }] });
    await expect(pull("tiny/llama", { connection: { attempts: 0 } })).rejects.toThrow(
      /lost in the middle of model.safetensors/,
    );
    expect(await filesThere()).toContain("model.safetensors.part");
    expect(await filesThere()).not.toContain(WEIGHTS);
    expect((await listModels(cache))[0]?.complete).toBe(false);
    await expect(resolveModel("tiny/llama", environment())).rejects.toThrow(
      /only partly on this machine. Run: agentflow model pull tiny\/llama/,
    );
    const model = await pull();
    expect(ranges()).toEqual([undefined, "bytes=20000-"]);
    expect(await readFile(join(model.folder, WEIGHTS))).toEqual(Buffer.from(weights));
  });

  it("takes a lost connection up again by itself while bytes come, and gives up when none do", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "cut", after: 16_000 }] });
    expect((await pull("tiny/llama", { connection: { attempts: 2, pauseMs: 1 } })).complete).toBe(true);
    expect(ranges().slice(0, 3)).toEqual([undefined, "bytes=16000-", "bytes=32000-"]);
    await server.close();
    await serve({ faults: [{ path: "model-00002-of-00002.safetensors", kind: "busy" }] });
    await expect(pull("tiny/parts", { connection: { attempts: 2, pauseMs: 1 } })).rejects.toThrow(/answers 503/);
  });

  it("gives a silent connection up, and waits for a slow one", async () => {
    await serve({
      faults: [
        { path: WEIGHTS, kind: "hang", after: 20_000, times: 1 },
        { path: WEIGHTS, kind: "slow", times: 1 },
      ],
    });
    expect((await pull("tiny/llama", { connection: { stallMs: 300, pauseMs: 1 } })).complete).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=20000-"]);
  });

  it("begins a file again where the server ignores ranges", async () => {
    await serve({ ignoreRange: true, faults: [{ path: WEIGHTS, kind: "cut", after: 20_000, times: 1 }] });
    const model = await pull();
    expect(await readFile(join(model.folder, WEIGHTS))).toEqual(Buffer.from(weights));
  });

  it("fetches a file with the wrong hash once more, then removes it", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "flip", times: 1 }] });
    const model = await pull();
    expect(await readFile(join(model.folder, WEIGHTS))).toEqual(Buffer.from(weights));
    await server.close();
    await rm(model.folder, { recursive: true });
    await serve({ faults: [{ path: WEIGHTS, kind: "flip" }] });
    await expect(pull()).rejects.toThrow(/arrived twice with another sha256 hash/);
    expect((await filesThere()).filter((name) => name.startsWith(WEIGHTS))).toEqual([]);
    await server.close();
    await rm(model.folder, { recursive: true });
    await serve({ faults: [{ path: "tokenizer.json", kind: "flip" }] });
    await expect(pull()).rejects.toThrow(/tokenizer.json arrived twice with another git hash/);
  });

  it("does not trust a file that somebody changed under a begun pull", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "cut", after: 20_000, times: 1 }] });
    await expect(pull("tiny/llama", { connection: { attempts: 0 } })).rejects.toThrow();
    const [model] = await listModels(cache);
    await writeFile(join(model?.folder ?? "", "tokenizer.json"), "{}");
    const part = join(model?.folder ?? "", `${WEIGHTS}.part`);
    await writeFile(part, (await readFile(part)).fill(0, 100, 200));
    const { folder } = await pull();
    expect(await readFile(join(folder, "tokenizer.json"), "utf8")).toBe(modelRepo.files["tokenizer.json"]);
    expect(await readFile(join(folder, WEIGHTS))).toEqual(Buffer.from(weights));
  });

  it("ends at once by an abort, and goes on afterwards", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "hang", after: 20_000, times: 1 }] });
    const abort = new AbortController();
    const reason = new Error("Ctrl-C");
    const pulling = pull("tiny/llama", {
      abortSignal: abort.signal,
      onEvent: (event) => {
        if (event.type === "pull-bytes" && event.file === WEIGHTS && event.bytes > 20_000) abort.abort(reason);
      },
    });
    await expect(pulling).rejects.toBe(reason);
    await expect(pull("tiny/llama", { abortSignal: abort.signal })).rejects.toBe(reason);
    expect((await pull()).complete).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=20000-"]);
  });

  it("leaves nothing that looks complete when it is killed, and nothing that stops the next one", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "hang", after: 20_000, times: 1 }] });
    const script = `
      import { pullModel } from ${JSON.stringify(fileURLToPath(new URL("./hub.ts", import.meta.url)))};
      await pullModel("tiny/llama", { onEvent: (event) => console.log(event.type === "pull-bytes" ? event.bytes : 0) });`;
    const tsx = fileURLToPath(import.meta.resolve("tsx"));
    const child = spawn(process.execPath, ["--import", tsx, "--input-type=module", "-e", script], {
      env: { ...process.env, ...environment() },
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const chunk of child.stdout)
      if (
        String(chunk)
          .split("\n")
          .some((line) => Number(line) > 20_000)
      )
        break;
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await filesThere()).toContain(`${WEIGHTS}.part`);
    expect((await listModels(cache)).map(({ complete }) => complete)).toEqual([false]);
    await expect(resolveModel("tiny/llama", environment())).rejects.toThrow(/only partly/);
    const [model] = await listModels(cache);
    await expect(openModelFiles(model?.folder ?? "")).rejects.toThrow(/not complete/);
    // The lock of the dead process is still there.
    expect(await readdir(join(model?.folder ?? "", ".."))).toContain(`${model?.commit}.lock`);
    expect((await pull()).complete).toBe(true);
    expect(ranges()).toEqual([undefined, "bytes=20000-"]);
  });

  it("lets a second pull wait for the first", async () => {
    await serve({ faults: [{ path: WEIGHTS, kind: "slow", times: 1 }] });
    const events: PullEvent[] = [];
    const both = await Promise.all([
      pull("tiny/llama", { onEvent: (event) => events.push(event) }),
      pull("tiny/llama", { onEvent: (event) => events.push(event) }),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(events.filter(({ type }) => type === "pull-wait")).toEqual([{ type: "pull-wait", pid: process.pid }]);
    expect(ranges()).toEqual([undefined]);
  });

  it("sends the token to the hub alone, and names it nowhere", async () => {
    const repos = { "tiny/llama": { ...modelRepo, gated: true }, "tiny/secret": { ...modelRepo, private: true } };
    await serve({ repos, token: "hf_right" });
    await expect(pull()).rejects.toThrow(/is not open to people without a token \(401\): ask for access on its page/);
    await expect(pull("tiny/secret")).rejects.toThrow(/is not at .* \(401\).*a private model needs HF_TOKEN/);
    const wrong = { environment: environment({ HF_TOKEN: "hf_wrong" }) };
    const error: Error = await pull("tiny/secret", wrong).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(/does not accept HF_TOKEN/);
    expect(JSON.stringify([error.message, error.stack])).not.toContain("hf_wrong");
    const model = await pull("tiny/llama", { environment: environment({ HF_TOKEN: "hf_right" }) });
    expect(model.complete).toBe(true);
    const content = server.requests.filter(({ part }) => part === "content");
    expect(content.map(({ authorised }) => authorised)).toEqual([false]);
    for (const name of await readdir(model.folder))
      expect(await readFile(join(model.folder, name), "utf8")).not.toContain("hf_");
  });

  it.each([
    ["nobody/nothing", /The model nobody\/nothing is not at .*check the name/],
    ["tiny/llama@v2", /The model tiny\/llama@v2 is not at .*no such revision/],
    ["llama", /"llama" is not a model of the hub: accepted is owner\/name/],
    ["tiny/../etc", /is not a model of the hub/],
  ])("refuses %s", async (name, message) => {
    await serve();
    await expect(pull(name)).rejects.toThrow(message);
    expect(await listModels(cache)).toEqual([]);
  });

  it("refuses what the engine cannot run before its weights come", async () => {
    const other = (config: object): HubRepo => ({
      files: {
        ...modelRepo.files,
        "config.json": JSON.stringify({ ...JSON.parse(String(modelRepo.files["config.json"])), ...config }),
      },
    });
    await serve({
      repos: {
        "tiny/llama": modelRepo,
        "tiny/mamba": other({ model_type: "mamba" }),
        "tiny/bin": {
          files: {
            "config.json": modelRepo.files["config.json"] ?? "",
            "tokenizer.json": "{}",
            "pytorch_model.bin": "x",
          },
        },
      },
    });
    await expect(pull("tiny/mamba")).rejects.toThrow(/model_type is "mamba"; supported are llama/);
    await expect(pull("tiny/bin")).rejects.toThrow(/has no model.safetensors/);
    await expect(pull("tiny/llama", { memoryBytes: 1e6 })).rejects.toThrow(
      /Sampling tiny\/llama takes about .* 1 MB are left/,
    );
    expect(await listModels(cache)).toEqual([]);
    expect(server.requests.filter(({ part }) => part === "content")).toEqual([]);
  });

  it("says so when there is no room, no server, or a listing that lies", async () => {
    await serve();
    await expect(pull("tiny/llama", { freeBytes: async () => 100_000_000 })).rejects.toThrow(
      /needs 1 MB more on disk, .* has 100 MB free/,
    );
    expect(ranges()).toEqual([]);
    const dead = { environment: environment({ HF_ENDPOINT: "http://127.0.0.1:9" }) };
    await expect(pull("tiny/llama", dead)).rejects.toThrow(/Cannot reach http:\/\/127.0.0.1:9/);
    await expect(pull("tiny/llama", { environment: environment({ HF_ENDPOINT: "nowhere" }) })).rejects.toThrow(
      /HF_ENDPOINT is "nowhere"/,
    );
    await server.close();
    const index = JSON.stringify({ weight_map: { a: "../../etc/passwd" } });
    const { [WEIGHTS]: _, ...files } = modelRepo.files;
    await serve({ repos: { "tiny/llama": { files: { ...files, "model.safetensors.index.json": index } } } });
    await expect(pull()).rejects.toThrow(/names "..\/..\/etc\/passwd"/);
  });
});

describe("pulling a GGUF file", () => {
  const file = (architecture: string): Uint8Array => {
    const shape = [1000];
    return Buffer.concat([
      ...ggufParts({ "general.architecture": { type: "string", value: architecture } }, [
        { name: "token_embd.weight", shape, numbers: () => new Float32Array(1000) },
      ]),
    ]);
  };
  const files = {
    "README.md": "",
    "m.Q4_0.gguf": file("llama"),
    "sub/m.Q8_0.gguf": file("qwen3"),
    "m.BF16-00001-of-00002.gguf": file("llama"),
    "bad.gguf": file("mamba"),
  };

  it("brings the one that is meant, each into its own folder", async () => {
    await serve({ repos: { "tiny/gguf": { files } } });
    const first = await pull("tiny/gguf", { gguf: "q4" });
    expect(await readFile(first.path)).toEqual(Buffer.from(files["m.Q4_0.gguf"]));
    expect(first.about).toMatchObject({ architecture: "llama", parameters: 1000, gguf: "m.Q4_0.gguf" });
    const second = await pull("tiny/gguf", { gguf: "*Q8_0.gguf" });
    expect(second.folder).not.toBe(first.folder);
    expect(await resolveModel("tiny/gguf", environment())).toBe(second.path);
    expect(await resolveModel(first.path, environment())).toBe(first.path);
  });

  it("lists the choice, and refuses what cannot be opened before it comes", async () => {
    await serve({ repos: { "tiny/gguf": { files } } });
    await expect(pull("tiny/gguf")).rejects.toThrow(
      /has 4 such GGUF files; choose one by --gguf: m.Q4_0.gguf \(1 MB\), /,
    );
    await expect(pull("tiny/gguf", { gguf: "Q2" })).rejects.toThrow(/no GGUF file like "Q2": there are m.Q4_0.gguf/);
    await expect(pull("tiny/gguf", { gguf: "BF16" })).rejects.toThrow(/split GGUF file, which is not supported/);
    await expect(pull("tiny/gguf", { gguf: "bad" })).rejects.toThrow(
      /architecture "mamba", which is not supported; supported are llama/,
    );
    expect((await listModels(cache)).filter(({ complete }) => complete)).toEqual([]);
  });
});

describe("the models of a cache", () => {
  it("are found by name and commit, and can be removed", async () => {
    await serve();
    const model = await pull();
    for (const name of [
      "tiny/llama",
      "tiny/llama@main",
      `tiny/llama@${model.commit}`,
      `tiny/llama@${model.commit.slice(0, 8)}`,
    ])
      expect(await resolveModel(name, environment())).toBe(model.path);
    await expect(resolveModel("tiny/llama@v2", environment())).rejects.toThrow(
      /not on this machine. Run: agentflow model pull tiny\/llama@v2/,
    );
    await expect(resolveModel("tiny", environment())).rejects.toThrow(/accepted are a model folder, a GGUF file/);
    expect(await removeModel("tiny/llama", cache)).toBe(model.bytes);
    expect(await listModels(cache)).toEqual([]);
    await expect(removeModel("tiny/llama", cache)).rejects.toThrow(/no model tiny\/llama in/);
  });
});
