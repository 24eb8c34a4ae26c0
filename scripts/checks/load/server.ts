/**
 * A server of the Tinker API for `check:load`, in a process of its own: a double that answers each sample after a while, or
 * ours with a small random model. It says its address once it listens, and the memory that it takes when asked.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, trainTokenizer } from "../../../src/engines/onnx/index.ts";
import { encodeSampleResponse } from "../../../src/engines/tinker/wire/sample-response.ts";
import { listen, tinkerServer } from "../../../src/engines/tinker-server/index.ts";
import { echoOf, MODEL } from "./echo.ts";

/** How long the double takes for a sample. */
const SAMPLE_MS = 3000;

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

/** Answers what a client of samples asks. A result is a function of its prompt, so that none can be taken for another. */
const openDouble = async (): Promise<string> => {
  let futures = 0;
  const results = new Map<string, Promise<Buffer>>();
  const later = (milliseconds: number, bytes: Buffer): { readonly request_id: string } => {
    const id = `f${futures++}`;
    results.set(id, new Promise((resolve) => setTimeout(() => resolve(bytes), milliseconds)));
    return { request_id: id };
  };
  const sampled = (prompt: readonly number[]): Buffer => {
    const tokens = echoOf(prompt);
    const logProbs = Float32Array.from(tokens, () => -1);
    return Buffer.from(
      encodeSampleResponse({ sequences: [{ stopReason: "stop", tokens, logProbs }], promptLogProbs: undefined }),
    );
  };
  const answers: Readonly<Record<string, (body: Readonly<Record<string, unknown>>) => object>> = {
    create_session: () => ({ session_id: "s" }),
    create_model: () => later(0, json({ model_id: "m" })),
    save_weights_for_sampler: () => later(0, json({ sampling_session_id: "sampler" })),
    unload_model: () => later(0, json({})),
    asample: ({ prompt }) => {
      const { chunks } = prompt as { readonly chunks: readonly { readonly tokens: readonly number[] }[] };
      return later(SAMPLE_MS, sampled(chunks[0]?.tokens ?? []));
    },
  };
  const http = createServer((incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", async () => {
      const call = incoming.url?.replace("/api/v1/", "") ?? "";
      const body = incoming.method === "POST" ? JSON.parse(Buffer.concat(parts).toString() || "{}") : {};
      if (call === "get_server_capabilities")
        return response.end(json({ supported_models: [{ model_name: MODEL, max_context_length: 8192 }] }));
      if (call !== "retrieve_future") return response.end(json(answers[call]?.(body) ?? {}));
      const bytes = await results.get(body.request_id);
      results.delete(body.request_id);
      if (bytes === undefined) return response.writeHead(404).end(json({ detail: "Future not found" }));
      const isJson = bytes[0] === 0x7b;
      response.setHeader("content-type", isJson ? "application/json" : "application/x-protobuf");
      return response.end(bytes);
    });
  });
  await new Promise<void>((ready) => http.listen(0, "127.0.0.1", ready));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
};

/** Ours, with a model that is as small as a model can be. */
const openOurs = async (): Promise<string> => {
  const words = Array.from({ length: 40 }, (_, i) => `word${i} and`).join(" ");
  const tokenizer = trainTokenizer([words], { vocabularySize: 128, special: ["<pad>", "<end>"], atMost: true });
  const engine = await createEngine({
    name: MODEL,
    config: {
      hidden_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 16,
      intermediate_size: 32,
      vocab_size: Object.keys(tokenizer.model.vocab).length,
      max_position_embeddings: 64,
      rms_norm_eps: 1e-5,
      rope_theta: 10_000,
    },
    tokenizer,
    seed: 7,
  });
  const folder = await mkdtemp(join(tmpdir(), "agentflow-load-"));
  process.once("disconnect", () => void rm(folder, { recursive: true, force: true }).then(() => process.exit(0)));
  return (await listen(tinkerServer({ engine, folder }))).url;
};

const ours = process.argv[2] === "ours";
const url = ours ? await openOurs() : await openDouble();
if (!ours) process.once("disconnect", () => process.exit(0));
process.on("message", () => process.send?.({ megabytes: process.memoryUsage.rss() / 2 ** 20 }));
process.send?.({ url });
