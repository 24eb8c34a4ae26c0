import { type Clock, systemClock } from "../../clock.ts";
import { EngineError, messageOf } from "../../errors.ts";
import { API, type HttpRequest, type HttpResponse, JSON_TYPE, PROTOBUF_TYPE, type Transport } from "./http.ts";
import {
  type Datum,
  decodeForwardBackwardOutput,
  encodeForwardBackward,
  type ForwardBackwardRequest,
} from "./wire/forward-backward.ts";
import { decodeSampleResponse, type SampleResponse } from "./wire/sample-response.ts";
import { floatTensor, idTensor } from "./wire/tensor.ts";

/** An answer as it came. */
export interface BareAnswer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly bytes: Uint8Array;
}

export interface ScratchModel {
  readonly id: string;
  /** The number of its next request. */
  next(): number;
}

/** The protocol without what makes a client robust: to look at what a server really does. */
export interface BareClient {
  send(method: HttpRequest["method"], path: string, body?: object | Uint8Array): Promise<BareAnswer>;
  post(path: string, body: object | Uint8Array): Promise<BareAnswer>;
  /** The result of a request that was accepted; `seconds` to wait for it, undefined when it is not there by then. */
  result(answer: BareAnswer, seconds?: number): Promise<BareAnswer | undefined>;
  /** Both, for a request that must succeed. Throws `EngineError` in the server's words. */
  run(path: string, body: object | Uint8Array): Promise<BareAnswer>;
  session(): Promise<string>;
  model(session: string, number: number): Promise<ScratchModel>;
  /** Log-probabilities of the targets of `TEXT`. */
  score(model: ScratchModel): Promise<readonly number[]>;
  /** The gradient's norm, by a step that changes no weight; undefined where the server does not say it. */
  norm(model: ScratchModel): Promise<number | undefined>;
  step(model: ScratchModel, learningRate: number): Promise<number | undefined>;
  sampler(model: ScratchModel, number: number): Promise<string>;
  draw(sampler: string, number: number, changes?: object): Promise<SampleResponse>;
  /** Unloads a model and deletes the checkpoints that it left, as far as the server does this. */
  sweep(model: string): Promise<void>;
}

/** Tokens that every vocabulary has. */
export const TEXT: readonly number[] = [1, 10, 20, 30, 40, 50, 60, 70, 80];

/** `TEXT` as a datum, with numbers at its eight places. */
export const datumOf = (inputs: Readonly<Record<string, readonly number[]>>): Datum => ({
  tokens: TEXT.slice(0, -1),
  inputs: new Map([
    ["target_tokens", idTensor(TEXT.slice(1))],
    ...Object.entries(inputs).map(([name, values]) => [name, floatTensor(values)] as const),
  ]),
});

export const passesOf = (
  model: string,
  seqId: number,
  data: readonly Datum[],
  changes: Partial<ForwardBackwardRequest> = {},
): Uint8Array =>
  encodeForwardBackward({
    modelId: model,
    seqId,
    data,
    loss: "cross_entropy",
    lossConfig: new Map(),
    forwardOnly: false,
    ...changes,
  });

/** A request for continuations of `TEXT`. */
export const samplesOf = (sampler: string, seqId: number, samples: number, maxTokens: number): object => ({
  sampling_session_id: sampler,
  seq_id: seqId,
  num_samples: samples,
  prompt: { chunks: [{ type: "encoded_text", tokens: TEXT }] },
  sampling_params: { max_tokens: maxTokens },
  type: "sample",
});

/** Request and result of one that is waited for at most this long: servers answer while they still load a model. */
const PATIENCE_SECONDS = 900;
const PACE_MS = 20;

export const bareClient = (
  transport: Transport,
  apiKey: string,
  base: string,
  clock: Clock = systemClock,
): BareClient => {
  const send: BareClient["send"] = async (method, path, body) => {
    const binary = body instanceof Uint8Array;
    const response = await reached(transport, {
      method,
      path: `${API}${path}`,
      headers: { "x-api-key": apiKey, accept: PROTOBUF_TYPE, "content-type": binary ? PROTOBUF_TYPE : JSON_TYPE },
      body: binary || body === undefined ? body : new TextEncoder().encode(JSON.stringify(body)),
    });
    const isJson = response.headers["content-type"]?.startsWith(JSON_TYPE) === true && response.body.length > 0;
    return { status: response.status, json: isJson ? jsonOf(response.body) : {}, bytes: response.body };
  };
  const post: BareClient["post"] = (path, body) => send("POST", path, body);
  const result: BareClient["result"] = async ({ json }, seconds = PATIENCE_SECONDS) => {
    const until = clock.now() + 1000 * seconds;
    while (clock.now() < until) {
      const asked = post("retrieve_future", { request_id: json.request_id, allow_metadata_only: false });
      let cancel = (): void => undefined;
      const late = new Promise<undefined>((resolve) => {
        cancel = clock.after(Math.max(0, until - clock.now()), () => resolve(undefined));
      });
      const answer = await Promise.race([asked.catch(() => undefined), late]);
      cancel();
      if (answer !== undefined && answer.status !== 408 && answer.json.type !== "try_again") return answer;
      await new Promise<void>((resolve) => {
        clock.after(PACE_MS, resolve);
      });
    }
    return undefined;
  };
  const run: BareClient["run"] = async (path, body) => {
    const answer = await post(path, body);
    requireGood(path, answer);
    const ended = await result(answer);
    if (ended === undefined) throw new EngineError(`${path} was not done within ${PATIENCE_SECONDS} s.`);
    requireGood(path, ended);
    return ended;
  };
  const step: BareClient["step"] = async ({ id, next }, learningRate) => {
    const { json } = await run("optim_step", {
      model_id: id,
      seq_id: next(),
      type: "optim_step",
      adam_params: {
        learning_rate: learningRate,
        beta1: 0.9,
        beta2: 0.95,
        eps: 1e-8,
        weight_decay: 0,
        grad_clip_norm: 0,
      },
    });
    const metrics = Object.entries((json.metrics ?? {}) as Readonly<Record<string, unknown>>);
    const [, norm] = metrics.find(([name]) => name.includes("grad_norm")) ?? [];
    return typeof norm === "number" ? norm : undefined;
  };
  const sweep: BareClient["sweep"] = async (model) => {
    const answer = await post("unload_model", { model_id: model, type: "unload_model" });
    // One that is gone already is refused, which is as well.
    if (answer.status === 200) await result(answer, 10);
    const { json } = await send("GET", `training_runs/${model}/checkpoints`);
    const listed = (Array.isArray(json.checkpoints) ? json.checkpoints : []) as { readonly tinker_path?: unknown }[];
    for (const { tinker_path: path } of listed) {
      const [of, ...rest] = String(path).replace("tinker://", "").split("/");
      if (of === model) await send("DELETE", `training_runs/${model}/checkpoints/${rest.join("/")}`);
    }
  };
  return {
    send,
    post,
    result,
    run,
    step,
    sweep,
    norm: (model) => step(model, 0),
    session: async () => {
      const answer = await post("create_session", {
        tags: [],
        user_metadata: {},
        sdk_version: "agentflow",
        type: "create_session",
      });
      requireGood("create_session", answer);
      return String(answer.json.session_id);
    },
    model: async (session, number) => {
      const lora = { rank: 4, seed: 1, train_mlp: true, train_attn: true, train_unembed: false };
      const { json } = await run("create_model", {
        session_id: session,
        model_seq_id: number,
        base_model: base,
        lora_config: lora,
        type: "create_model",
      });
      let seq = 0;
      return {
        id: String(json.model_id),
        next: () => {
          seq += 1;
          return seq;
        },
      };
    },
    score: async ({ id, next }) => {
      const weights = new Array<number>(TEXT.length - 1).fill(1);
      const { bytes } = await run(
        "forward_backward",
        passesOf(id, next(), [datumOf({ weights })], { forwardOnly: true }),
      );
      return [...(decodeForwardBackwardOutput(bytes).fields.get("logprobs")?.[0] ?? [])];
    },
    sampler: async ({ id, next }, number) => {
      const { json } = await run("save_weights_for_sampler", {
        model_id: id,
        sampling_session_seq_id: number,
        seq_id: next(),
        kind: "snapshot",
        type: "save_weights_for_sampler",
      });
      return String(json.sampling_session_id);
    },
    draw: async (sampler, number, changes = {}) => {
      const { bytes } = await run("asample", {
        ...samplesOf(sampler, number, 1, 6),
        sampling_params: { max_tokens: 6, seed: 3, temperature: 1, top_k: -1, top_p: 1, stop: [] },
        prompt_logprobs: true,
        ...changes,
      });
      return decodeSampleResponse(bytes);
    },
  };
};

const reached = async (transport: Transport, request: HttpRequest): Promise<HttpResponse> => {
  try {
    return await transport(request);
  } catch (cause) {
    throw new EngineError(`${messageOf(cause)} Start the server, or check its address and port.`, { cause });
  }
};

const requireGood = (path: string, { status, json }: BareAnswer): void => {
  if (status >= 200 && status < 300 && json.error === undefined) return;
  const said = JSON.stringify(json.error ?? json.detail ?? "").slice(0, 300);
  throw new EngineError(`${path}: the server answered ${status}, ${said}.`);
};

const jsonOf = (bytes: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new EngineError(`The server's answer is not JSON: ${messageOf(cause)}.`, { cause });
  }
};

/** How far two lists of numbers are apart at most; infinite when they are not of one length. */
export const apart = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length
    ? Math.max(0, ...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))))
    : Number.POSITIVE_INFINITY;
