import { randomUUID } from "node:crypto";
import type { Engine } from "../../engine.ts";
import type { HttpResponse } from "../tinker/http.ts";
import { loraAnswer } from "./answers.ts";
import type { Fields } from "./fields.ts";
import { createFutures, type Futures, jsonResponse } from "./futures.ts";
import { createModels, type Models } from "./models.ts";
import { policyPool } from "./policy-pool.ts";
import { Refusal } from "./refusal.ts";
import { drawSamples, readDraw } from "./sampling.ts";
import { answeredOnce } from "./sequence.ts";
import { createSnapshots, type Snapshot } from "./snapshots.ts";
import { parsePath, type StateFiles, stateFiles } from "./state-files.ts";
import { createTrainingRuns, type TrainingRuns } from "./training-runs.ts";
import { readLora } from "./training-settings.ts";

export interface TinkerServerOptions {
  readonly engine: Engine;
  /** Folder of the checkpoints. */
  readonly folder: string;
  /** Key that each request has to bring (`X-API-Key`). @default none: anybody who reaches it may train */
  readonly token?: string | undefined;
  /** What the model is called. @default as the engine does */
  readonly model?: string | undefined;
  /** Where clients find its tokenizer: a folder, or a name of the hub. @default the model */
  readonly tokenizer?: string | undefined;
  /** Models that may be loaded at once. @default 8 */
  readonly models?: number | undefined;
  /** How long a request for a result is held open. @default 30 */
  readonly pollSeconds?: number | undefined;
  /** A session that gives no sign of life for this long is ended, and its models unloaded. @default 600 */
  readonly sessionSeconds?: number | undefined;
  /** Names sessions. @default random */
  readonly newId?: (() => string) | undefined;
  /** Milliseconds of wall time. @default the system's */
  readonly now?: (() => number) | undefined;
}

interface Session {
  readonly id: string;
  readonly futures: Futures;
  readonly models: Set<string>;
  readonly modelOnce: (seq: number, hash: string, answer: () => object) => object;
  readonly samplerOnce: (seq: number, hash: string, answer: () => object) => object;
  lastSeen: number;
}

interface Sampler {
  readonly id: string;
  readonly session: Session;
  readonly snapshot: Snapshot;
  lastRequest: number;
  readonly once: (seq: number, hash: string, answer: () => object) => object;
}

/** What the calls of the protocol do, besides those of training, which are the models'. */
export interface Service extends TrainingRuns {
  readonly base: string;
  readonly contextLength: number;
  readonly models: Models;
  /** Ends sessions that gave no sign of life. */
  endSilent(): void;
  createSession(): object;
  heartbeat(fields: Fields): object;
  finish(session: string): Promise<object>;
  createModel(fields: Fields): object;
  unload(fields: Fields): object;
  loadWeights(fields: Fields): object;
  info(fields: Fields): object;
  createSampler(fields: Fields): object;
  sampler(id: string): object;
  sample(fields: Fields): object;
  retrieve(fields: Fields): Promise<HttpResponse>;
  weightsInfo(fields: Fields): Promise<object>;
}

export const createService = (options: TinkerServerOptions): Service => {
  const { engine, folder, model: base = engine.model, tokenizer = base } = options;
  const { pollSeconds = 30, sessionSeconds = 600, newId = randomUUID, now = Date.now } = options;
  const files = stateFiles(folder);
  const pool = policyPool(engine);
  const snapshots = createSnapshots(files, pool, () => engine.policy("tinker-base"));
  const sessions = new Map<string, Session>();
  const samplers = new Map<string, Sampler>();

  const openSampler = (session: Session, seq: number, snapshot: Snapshot): string => {
    const id = `${session.id}:sample:${seq}`;
    samplers.set(id, { id, session, snapshot, lastRequest: now(), once: answeredOnce<object>() });
    return id;
  };
  const sessionOf = (id: string): Session => {
    const session = sessions.get(id);
    if (session === undefined) throw new Refusal(`There is no session ${id}: create one.`, 404);
    session.lastSeen = now();
    return session;
  };
  const models = createModels(
    {
      engine,
      base,
      files,
      pool,
      snapshots,
      now,
      openSampler: ({ id }, seq, snapshot) => openSampler(sessionOf(sessionIdOf(id)), seq, snapshot),
      usesOf: (path) =>
        [...samplers.values()]
          .filter(({ snapshot }) => snapshot.path === path)
          .map(({ snapshot: { state }, lastRequest }) => ({
            state,
            recent: now() - lastRequest <= 1000 * sessionSeconds,
          })),
    },
    options.models ?? 8,
  );
  const endSession = async (session: Session): Promise<void> => {
    sessions.delete(session.id);
    for (const { id, session: of } of samplers.values()) if (of === session) samplers.delete(id);
    await Promise.all([...session.models].map(models.unload));
  };
  const endSilent = (): void => {
    // Others do not wait for what still runs there, and of a file that is not removed nobody is left to hear.
    for (const session of sessions.values())
      if (now() - session.lastSeen > 1000 * sessionSeconds) endSession(session).catch(() => undefined);
  };
  const requireBase = (asked: string | undefined): void => {
    if (asked !== undefined && asked !== base)
      throw new Refusal(`The model ${asked} is not served: accepted is ${base}.`);
  };
  const createSession = (): object => {
    const id = `session-${newId()}`;
    let results = 0;
    sessions.set(id, {
      id,
      futures: createFutures(() => `${id}:future:${results++}`),
      models: new Set(),
      modelOnce: answeredOnce<object>(),
      samplerOnce: answeredOnce<object>(),
      lastSeen: now(),
    });
    return { type: "create_session", session_id: id, info_message: null, warning_message: null, error_message: null };
  };
  const createModel = (fields: Fields): object => {
    const session = sessionOf(fields.text("session_id"));
    const seq = fields.integer("model_seq_id");
    return session.modelOnce(seq, fields.hash, () => {
      requireBase(fields.text("base_model"));
      const id = `${session.id}:train:${seq}`;
      const lora = readLora(fields, engine);
      const model = models.create(id, lora, session.futures);
      session.models.add(id);
      const made = { model_id: id, base_model: base, lora_config: loraAnswer(lora) };
      const request = session.futures.follow(model.policy.then(() => ({ type: "create_model", ...made })));
      return { ...made, status: "created", request_id: request };
    });
  };
  const loadWeights = (fields: Fields): object => {
    const sessionId = fields.optionalText("session_id");
    if (sessionId === undefined) return models.loadWeights(fields);
    const session = sessionOf(sessionId);
    const seq = fields.integer("model_seq_id");
    return session.modelOnce(seq, fields.hash, () => {
      requireBase(fields.optionalText("base_model"));
      const path = fields.text("path");
      parsePath(path);
      const id = `${session.id}:train:${seq}`;
      session.models.add(id);
      const optimizer = fields.truth("optimizer");
      // The session may have ended by the time that the checkpoint is found.
      const wanted = (): void => void sessionOf(session.id);
      const request = session.futures.follow(models.createFrom(id, path, optimizer, session.futures, wanted));
      return { request_id: request, model_id: id, status: "pending" };
    });
  };
  const createSampler = (fields: Fields): object => {
    const session = sessionOf(fields.text("session_id"));
    const seq = fields.integer("sampling_session_seq_id");
    requireBase(fields.optionalText("base_model"));
    const path = fields.optionalText("model_path");
    return session.samplerOnce(seq, fields.hash, async () => {
      const snapshot = path === undefined ? BASE : await storedSnapshot(files, path);
      return {
        type: "create_sampling_session",
        sampling_session_id: openSampler(sessionOf(session.id), seq, snapshot),
      };
    });
  };
  const samplerOf = (id: string): Sampler => {
    const sampler = samplers.get(id);
    if (sampler === undefined) throw new Refusal(`There is no sampling session ${id}: create one.`, 404);
    return sampler;
  };
  const sample = (fields: Fields): object => {
    const id = fields.text("sampling_session_id");
    const sampler = samplerOf(id);
    sessionOf(sampler.session.id);
    sampler.lastRequest = now();
    const draw = readDraw(fields, engine);
    const seq = fields.optionalInteger("seq_id");
    const begin = (): object => {
      const called = `${id}:${newId()}`;
      const drawn = snapshots.read(sampler.snapshot, (reader) => drawSamples(draw, reader, called));
      const request = sampler.session.futures.follow(drawn);
      const sequences = Array.from({ length: draw.samples }, (_, i) => `${called}:${i}`);
      return { request_id: request, future_id: request, status: "pending", sample_sequence_ids: sequences };
    };
    return seq === undefined ? begin() : sampler.once(seq, fields.hash, begin);
  };
  const retrieve = async (fields: Fields): Promise<HttpResponse> => {
    const id = fields.text("request_id");
    const session = sessions.get(id.split(":future:")[0] ?? "");
    if (session?.futures.has(id) !== true) throw new Refusal("Future not found", 404);
    session.lastSeen = now();
    const result = await session.futures.settled(id, 1000 * pollSeconds);
    return result ?? jsonResponse(200, { type: "try_again", request_id: id, queue_state: "active" });
  };
  const info = (fields: Fields): object => {
    const { id, lora } = models.find(fields.text("model_id"));
    const about = { base_model: base, model_name: base, tokenizer_id: tokenizer, lora_config: loraAnswer(lora) };
    const adapter = { is_lora: lora !== undefined, lora_rank: lora?.rank ?? null };
    return { type: "get_info", model_id: id, model_name: base, status: "created", ...adapter, model_data: about };
  };
  const weightsInfo = async (fields: Fields): Promise<object> => {
    const { model, kind, name } = parsePath(fields.text("tinker_path"));
    const { about } = await files.load(model, kind, name);
    return { base_model: about.base, is_lora: about.lora !== undefined, lora_rank: about.lora?.rank ?? null };
  };

  return {
    base,
    contextLength: engine.contextLength,
    models,
    createSession,
    createModel,
    loadWeights,
    info,
    createSampler,
    sample,
    retrieve,
    weightsInfo,
    ...createTrainingRuns(files, base, models.loaded),
    endSilent,
    heartbeat: (fields) => {
      sessionOf(fields.text("session_id"));
      return { type: "session_heartbeat" };
    },
    finish: async (id) => {
      await endSession(sessionOf(id));
      return { session_id: id, status: "finished" };
    },
    unload: (fields) => {
      const { id, futures } = models.find(fields.text("model_id"));
      const done = models.unload(id).then(() => ({ type: "unload_model", model_id: id, status: "unloaded" }));
      return { request_id: futures.follow(done), model_id: id };
    },
    sampler: (id) => {
      const path = samplerOf(id).snapshot.path ?? null;
      return { sampler_id: id, base_model: base, model_path: path };
    },
  };
};

const sessionIdOf = (modelId: string): string => modelId.split(":train:")[0] ?? "";

const BASE: Snapshot = { path: undefined, state: undefined, lora: undefined };

const storedSnapshot = async (files: StateFiles, path: string): Promise<Snapshot> => {
  const { model, kind, name } = parsePath(path);
  const { about, sha256 } = await files.load(model, kind, name);
  return { path, state: sha256, lora: about.lora };
};
