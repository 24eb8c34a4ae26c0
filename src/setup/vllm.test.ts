import { readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../../test/fixtures/tinker.ts";
import { openEngine } from "../engines/onnx/engine.ts";
import { loadAdapter } from "./vllm.ts";

const root = temporaryFolder();
const closing: (() => void)[] = [];
afterAll(async () => {
  for (const close of closing) close();
  await rm(root, { recursive: true, force: true });
});

/** A server that loads adapters as vLLM's documentation says. */
const vllm = async ({ updating = true, maxRank = 16, key = "" } = {}) => {
  const loaded = new Map<string, string>();
  let loads = 0;
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object | string): void => {
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    };
    const refuse = (code: number, type: string, message: string): void =>
      answer(code, { error: { message, type, code } });
    let text = "";
    for await (const part of request) text += part;
    if (key !== "" && request.headers.authorization !== `Bearer ${key}`) return answer(401, { error: "Unauthorized" });
    if (request.url === "/v1/models")
      return answer(200, {
        object: "list",
        data: ["agentflow-tiny", ...loaded.keys()].map((id) => ({ id, object: "model", root: loaded.get(id) ?? id })),
      });
    if (!updating || request.method !== "POST" || request.url !== "/v1/load_lora_adapter")
      return answer(404, { detail: "Not Found" });
    loads += 1;
    const { lora_name: name, lora_path: path } = JSON.parse(text) as Record<string, unknown>;
    if (typeof name !== "string" || typeof path !== "string")
      return refuse(400, "InvalidUserInput", "Both 'lora_name' and 'lora_path' must be provided.");
    if (loaded.has(name)) return refuse(400, "InvalidUserInput", `The lora adapter '${name}' has already been loaded.`);
    const config = await readFile(join(path, "adapter_config.json"), "utf8").catch(() => undefined);
    if (config === undefined)
      return refuse(404, "NotFoundError", `Loading lora ${name} failed: No adapter found for ${path}`);
    const { r: rank } = JSON.parse(config) as { readonly r: number };
    if (rank > maxRank)
      return refuse(400, "BadRequestError", `LoRA rank ${rank} is greater than max_lora_rank ${maxRank}.`);
    loaded.set(name, path);
    answer(200, `Success: LoRA adapter '${name}' added successfully.`);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  closing.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, loaded, loads: () => loads };
};

const engine = await openEngine("agentflow-tiny", { learns: "adapters" });
const policy = engine.policy("planner", { lora: { rank: 4 } });
const [folder, wide] = [join(root, "step-1"), join(root, "wide")];
await policy.save(folder);
await engine.policy("wide", { lora: { rank: 32 } }).save(wide);
afterAll(() => engine.dispose());

describe("an adapter for a running vLLM", () => {
  it("is loaded under the policy's hash, and once", async () => {
    const { url, loaded, loads } = await vllm();
    expect(await loadAdapter({ url, folder })).toBe(policy.version);
    expect([...loaded]).toEqual([[policy.version, folder]]);
    expect(await loadAdapter({ url, folder })).toBe(policy.version);
    expect(loads()).toBe(1);
  });

  it("is named again after a step: both versions are there, each under its own name", async () => {
    const { url, loaded } = await vllm();
    const first = await loadAdapter({ url, folder });
    await policy.backward([{ ids: [5, 6, 7], targets: [1, 2] }], [Float32Array.of(1, 1)]);
    await policy.optimStep({ learningRate: 0.01 });
    const second = await policy.publish();
    await policy.save(join(root, "step-2"));
    expect(await loadAdapter({ url, folder: join(root, "step-2") })).toBe(second);
    expect([...loaded.keys()]).toEqual([first, second]);
    expect(second).not.toBe(first);
  });

  it("may lie elsewhere for the server, have another name, and need a key", async () => {
    const { url, loaded } = await vllm({ key: "secret" });
    const elsewhere = { url, folder: "here", serverFolder: folder, name: "planner" };
    expect(await loadAdapter({ ...elsewhere, apiKey: "secret" })).toBe("planner");
    expect([...loaded]).toEqual([["planner", folder]]);
    await expect(loadAdapter(elsewhere)).rejects.toThrow("The server does not list its models (401)");
  });

  it("is refused in words that say what to do", async () => {
    const { url } = await vllm();
    const missing = loadAdapter({ url, folder, serverFolder: "/nowhere" });
    await expect(missing).rejects.toThrow(/did not load \/nowhere \(404\).*No adapter found.*its own disk/);
    await expect(loadAdapter({ url, folder: wide })).rejects.toThrow(/\(400\).*rank 32.*--max-lora-rank/);
    const fixed = await vllm({ updating: false });
    await expect(loadAdapter({ url: fixed.url, folder })).rejects.toThrow("VLLM_ALLOW_RUNTIME_LORA_UPDATING=True");
    await expect(loadAdapter({ url: "http://127.0.0.1:1", folder })).rejects.toThrow("cannot be reached");
  });
});
