import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readManifest } from "../engines/onnx/files/manifest.ts";
import { EngineError, messageOf } from "../errors.ts";
import { address, checked, name, type Rules, required, seconds, text } from "../options.ts";

export interface LoadAdapterOptions {
  /** The server, without `/v1`. */
  readonly url: string;
  /** Folder of the adapter, as `agentflow export --format peft` writes it. */
  readonly folder: string;
  /** The same folder as the server sees it. @default the whole path of `folder` */
  readonly serverFolder?: string | undefined;
  /** What requests name it by. @default the hash of the policy */
  readonly name?: string | undefined;
  /** Sent as a bearer token. */
  readonly apiKey?: string | undefined;
  /** How long loading may take. @default 120 */
  readonly seconds?: number | undefined;
}

const loadRules: Rules<LoadAdapterOptions> = {
  url: required(address),
  folder: required(name),
  serverFolder: name,
  name,
  apiKey: text,
  seconds,
};

/**
 * Loads an adapter into a running vLLM, whose requests then name it as their model. It is called by the hash of its weights, so that a
 * name never means two policies, and loading it twice is one load. Returns the name. Throws `EngineError` when the server cannot be
 * reached, does not load adapters while it runs, or does not find the folder.
 *
 * @example
 * ```ts
 * import { loadAdapter } from "agentflow/setup";
 *
 * const model = await loadAdapter({ url: "http://127.0.0.1:8000", folder: "/shared/adapters/step-40" });
 * console.log(`requests name it ${model}`);
 * ```
 */
export const loadAdapter = async (options: LoadAdapterOptions): Promise<string> => {
  const { url, folder, apiKey, ...rest } = checked("loadAdapter", options, loadRules);
  const { serverFolder = resolve(folder), seconds: patience = 120 } = rest;
  const model = rest.name ?? (await hashOf(folder));
  const call = async (path: string, body?: object): Promise<Reply> => {
    try {
      const response = await fetch(new URL(`v1/${path}`, url.endsWith("/") ? url : `${url}/`), {
        method: body === undefined ? "GET" : "POST",
        headers: { "content-type": "application/json", ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
        signal: AbortSignal.timeout(1000 * patience),
        redirect: "error",
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      throw new EngineError(`${url} cannot be reached: ${messageOf(cause)}. Start vLLM, or check the address.`, {
        cause,
      });
    }
  };
  if (hasModel(await call("models"), model)) return model;
  const { status, text: said } = await call("load_lora_adapter", { lora_name: model, lora_path: serverFolder });
  if (status === 404 && !said.includes(serverFolder) && !said.includes(model))
    throw new EngineError(
      `${url} loads no adapters while it runs: start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True.`,
    );
  if (status !== 200)
    throw new EngineError(
      `${url} did not load ${serverFolder} (${status}): ${said.slice(0, 500)}. It reads the folder on its own disk, and takes ranks up to its --max-lora-rank.`,
    );
  if (!hasModel(await call("models"), model))
    throw new EngineError(`${url} said that it loaded ${model}, and does not list it among its models.`);
  return model;
};

interface Reply {
  readonly status: number;
  readonly text: string;
}

/** Whether a list of models has this one. Throws `EngineError` for what is no such list. */
const hasModel = ({ status, text: said }: Reply, model: string): boolean => {
  try {
    const { data } = JSON.parse(said) as { readonly data: readonly { readonly id: unknown }[] };
    if (status === 200) return data.some(({ id }) => id === model);
  } catch {
    // What it is instead is said below.
  }
  throw new EngineError(`The server does not list its models (${status}): is it vLLM, and is the key right?`);
};

/** The version of the policy, by the manifest; of an adapter that another program wrote, the hash of its weights. */
const hashOf = async (folder: string): Promise<string> => {
  const { about } = await readManifest(folder).catch(() => ({ about: {} as Readonly<Record<string, unknown>> }));
  if (typeof about.version === "string") return about.version;
  return createHash("sha256")
    .update(await readFile(join(folder, "adapter_model.safetensors")))
    .digest("hex");
};
