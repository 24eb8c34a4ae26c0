import { createHash } from "node:crypto";
import type { OptimStepOptions } from "../../engine.ts";
import { EngineError, messageOf } from "../../errors.ts";
import type { Connection, Json } from "./connection.ts";
import { chunked } from "./data.ts";
import type { Dialect } from "./dialect.ts";
import { Expired, Lost } from "./failures.ts";
import type { Journal } from "./journal.ts";
import type { Session } from "./session.ts";
import {
  type Datum,
  decodeForwardBackwardOutput,
  encodeForwardBackward,
  type ForwardBackwardOutput,
} from "./wire/forward-backward.ts";

/** One optimiser step as a whole: it is executed, or it is not. */
export interface StepWork {
  readonly data: readonly Datum[];
  readonly optimiser: OptimStepOptions;
}

/** What a model lives on. */
export interface RemoteModelParts {
  readonly base: string;
  readonly lora: { readonly rank: number; readonly seed: number };
  readonly connection: Connection;
  readonly session: Session;
  readonly dialect: Dialect;
  readonly journal: Journal;
  /** Deletes a checkpoint that nothing needs; one that cannot be deleted stays. */
  readonly remove: (path: string, patienceSeconds?: number) => Promise<void>;
}

/** A model as a server has it now. */
export interface Live {
  readonly id: string;
  seq: number;
  /** Requests leave in the order of their numbers: not all servers sort them. */
  posted: Promise<unknown>;
}

/** Attempts at what a server lets go of before the trouble is said. */
export const ATTEMPTS = 4;

/** What every training request in JSON begins with. */
export const numbered = ({ id }: Live, seq: number, type: string): object => ({ model_id: id, seq_id: seq, type });

/** Makes a model, fresh or from a checkpoint. */
export const openModel = async (
  parts: RemoteModelParts,
  start: { readonly path: string; readonly optimizer: boolean } | undefined,
): Promise<Live> => {
  const { base, lora, connection, session, dialect, journal } = parts;
  const created = async (call: string, type: string, body: object): Promise<Live> => {
    const session_id = await session.id();
    const named = { session_id, model_seq_id: session.next("model"), ...body, type: call };
    let answer: Json = {};
    const post = async (): Promise<Json> => {
      answer = await connection.post(call, named);
      return answer;
    };
    const made = await executed(connection, type, await post(), post);
    // The result says it, the answer need not; of a model made from a checkpoint clients derive it.
    const said = made instanceof Uint8Array ? undefined : (made.model_id ?? answer.model_id);
    const id = typeof said === "string" ? said : `${session_id}:train:${named.model_seq_id}`;
    await journal.opened(id);
    return { id, seq: 0, posted: Promise.resolve() };
  };
  if (start !== undefined && dialect.createFromState) return created("load_weights", "LoadWeights", { ...start });
  const model = await created("create_model", "CreateModel", {
    base_model: base,
    lora_config: { ...lora, train_mlp: true, train_attn: true, train_unembed: false },
  });
  if (start !== undefined)
    await request(parts, model, "load_weights", "LoadWeights", (seq) => ({
      ...numbered(model, seq, "load_weights"),
      ...start,
    }));
  return model;
};

/** Says that a model is not needed, if it may still be there. */
export const closeModel = async (parts: RemoteModelParts, model: Live, present: boolean): Promise<void> => {
  const { connection, dialect, journal } = parts;
  const patience = { patienceSeconds: 2 };
  if (present) {
    // What cannot be said to a server that is away needs not be: its models end with it, or with their session.
    if (dialect.gradientLeaks)
      await executeStep(parts, model, { data: [], optimiser: { learningRate: 0 } }).catch(() => undefined);
    await connection
      .post("unload_model", { model_id: model.id, type: "unload_model" }, patience)
      .then((answer) => connection.result(answer, "UnloadModel", patience))
      .catch(() => undefined);
  }
  await journal.closed(model.id);
};

/** Sends a numbered request in its turn, and waits for its result. */
export const request = (
  { connection, journal }: RemoteModelParts,
  model: Live,
  call: string,
  type: string,
  bodyOf: (seq: number) => object | Uint8Array,
): Promise<Json | Uint8Array> => {
  model.seq += 1;
  const { seq } = model;
  const body = bodyOf(seq);
  const post = async (): Promise<Json> => {
    await journal.sent(model.id, seq, hashOf(body));
    return connection.post(call, body);
  };
  const posted = model.posted.then(post);
  model.posted = posted.catch(() => undefined);
  const finish = async (): Promise<Json | Uint8Array> => {
    const result = await executed(connection, type, await posted, post);
    await journal.settled(model.id, seq);
    return result;
  };
  return finish();
};

/** The result of a request; one that the server let go of is asked for by `again`, which sends the same once more. */
const executed = async (
  connection: Connection,
  type: string,
  first: Json,
  again: () => Promise<Json>,
): Promise<Json | Uint8Array> => {
  let answer = first;
  for (let n = 1; ; n += 1)
    try {
      return await connection.result(answer, type);
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      if (n >= ATTEMPTS) throw new Lost(messageOf(error), { cause: error });
      // The same number and the same bytes: what was executed is not executed again.
      answer = await again();
    }
};

/** Forward passes over one chunk, or forward and backward. */
export const passes = async (
  parts: RemoteModelParts,
  model: Live,
  data: readonly Datum[],
  loss: string,
  forwardOnly: boolean,
): Promise<ForwardBackwardOutput> => {
  const type = forwardOnly ? "Forward" : "ForwardBackward";
  const result = await request(parts, model, "forward_backward", type, (seqId) =>
    encodeForwardBackward({ modelId: model.id, seqId, data, loss, lossConfig: new Map(), forwardOnly }),
  );
  if (!(result instanceof Uint8Array))
    throw new EngineError(`${type}: the server answered in JSON; this client needs one that answers in protobuf.`);
  return decodeForwardBackwardOutput(result);
};

/** All requests of a step leave at once. The first failure is thrown when all have ended. */
export const executeStep = async (
  parts: RemoteModelParts,
  model: Live,
  { data, optimiser }: StepWork,
): Promise<{ readonly gradientNorm: number | undefined }> => {
  const gradients = chunked(data).map((chunk) => passes(parts, model, chunk, "importance_sampling", false));
  const optimised = request(parts, model, "optim_step", "OptimStep", (seq) => ({
    ...numbered(model, seq, "optim_step"),
    adam_params: adamOf(optimiser),
  }));
  const results = await Promise.allSettled([...gradients, optimised]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return { gradientNorm: normIn(await optimised) };
};

const adamOf = ({
  learningRate,
  beta1 = 0.9,
  beta2 = 0.95,
  epsilon = 1e-8,
  weightDecay = 0,
  gradientClip = 1,
}: OptimStepOptions): object => ({
  learning_rate: learningRate,
  beta1,
  beta2,
  eps: epsilon,
  weight_decay: weightDecay,
  grad_clip_norm: gradientClip,
});

/** Servers name the norm with a prefix of theirs, or a reducer behind it. */
const normIn = (answer: Json | Uint8Array): number | undefined => {
  if (answer instanceof Uint8Array || typeof answer.metrics !== "object" || answer.metrics === null) return undefined;
  for (const [name, value] of Object.entries(answer.metrics))
    if (/(?:^|[/.])grad_norm(?::|$)/.test(name) && typeof value === "number") return value;
  return undefined;
};

const hashOf = (body: object | Uint8Array): string =>
  createHash("sha256")
    .update(body instanceof Uint8Array ? body : JSON.stringify(body))
    .digest("hex");
