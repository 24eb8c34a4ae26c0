import { EngineError, messageOf } from "../../errors.ts";
import { address, callback, checked, name, type Rules, required, text } from "../../options.ts";
import {
  apart,
  type BareClient,
  bareClient,
  datumOf,
  passesOf,
  type ScratchModel,
  samplesOf,
  TEXT,
} from "./bare-client.ts";
import { modelAt, placed } from "./capabilities.ts";
import { type DialectName, dialects } from "./dialect.ts";
import type { Transport } from "./http.ts";
import { httpTransport } from "./transport.ts";

export interface ProbeOptions {
  /** The server, without `/api/v1`. */
  readonly url: string;
  readonly apiKey: string;
  /** The base model. @default the first that the server names */
  readonly model?: string | undefined;
  /** How requests travel. @default node:http */
  readonly transport?: Transport | undefined;
}

export const probeRules: Rules<ProbeOptions> = {
  url: required(address),
  apiKey: required(text),
  model: name,
  transport: callback,
};

/** One thing that servers do differently, and what this one does. */
export interface Finding {
  readonly what: string;
  readonly found: string;
  /** What it means for training; empty when it is as it should be. */
  readonly means: string;
}

export interface ProbeReport {
  readonly url: string;
  readonly model: string;
  /** What to open an engine with; undefined when no dialect fits, and nothing should be trained. */
  readonly dialect: DialectName | undefined;
  readonly findings: readonly Finding[];
}

/** Numbers of float32 that servers compute in another order. */
const CLOSE = 1e-3;

/**
 * Finds out what a server does where the protocol leaves it open, on scratch models that it unloads, their checkpoints
 * included. Throws `ConfigError` for a model that it does not have or a wrong key, `EngineError` when it cannot be reached
 * or cannot train at all.
 *
 * @example
 * ```ts
 * import { probeServer } from "agentflow/engines/tinker";
 *
 * const { dialect, findings } = await probeServer({ url: "http://127.0.0.1:8210", apiKey: "tml-secret" });
 * for (const { what, found } of findings) console.log(`${what}: ${found}`);
 * ```
 */
export const probeServer = async (options: ProbeOptions): Promise<ProbeReport> => {
  const { url, apiKey } = checked("probeServer", options, probeRules);
  const sockets = options.transport === undefined ? httpTransport(url) : undefined;
  try {
    const transport = options.transport ?? sockets ?? httpTransport(url);
    const base = await modelAt(bareClient(transport, apiKey, ""), url, options.model);
    const client = bareClient(transport, apiKey, base);
    const session = await client.session();
    return { url, model: base, ...(await withoutTraces(client, session, (scratch) => probed(scratch, session))) };
  } catch (error) {
    throw placed(url, error);
  } finally {
    sockets?.close();
  }
};

/** Work with a client all of whose models are swept away after it, with its session. */
const withoutTraces = async <Result>(
  client: BareClient,
  session: string,
  work: (client: BareClient) => Promise<Result>,
): Promise<Result> => {
  const made: string[] = [];
  const noted: BareClient = {
    ...client,
    model: async (session, number) => {
      const model = await client.model(session, number);
      made.push(model.id);
      return model;
    },
    run: async (path, body) => {
      const answer = await client.run(path, body);
      if (path === "load_weights" && typeof answer.json.model_id === "string") made.push(answer.json.model_id);
      return answer;
    },
  };
  try {
    return await work(noted);
  } finally {
    for (const id of made) await client.sweep(id).catch(() => undefined);
    const finished = { reason: { type: "success" }, detail: null };
    await client.post(`sessions/${session}/finish`, finished).catch(() => undefined);
  }
};

const probed = async (client: BareClient, session: string): Promise<Pick<ProbeReport, "dialect" | "findings">> => {
  const model = await client.model(session, 0);
  const findings: Finding[] = [];
  const mask = await takesMask(client, model);
  const reduction = await reductionOf(client, model, mask);
  findings.push(
    finding("RL losses take a mask", mask ? "yes" : "no"),
    finding(
      "losses are",
      reduction ?? "neither sums nor means of sums",
      reduction ? "" : "no coefficient would be exact",
    ),
    await alignment(client, model),
    ...(await sampling(client, model)),
    await orderOfExecution(client, model),
    await createFromState(client, model, session),
  );
  findings.push(await leak(client, model, session));
  return { dialect: dialectFor(reduction, mask), findings };
};

const finding = (what: string, found: string, means = ""): Finding => ({ what, found, means });

const dialectFor = (reduction: "sum" | "mean" | undefined, mask: boolean): DialectName | undefined => {
  const fits = (Object.keys(dialects) as DialectName[]).find(
    (one) => dialects[one].reduction === reduction && dialects[one].mask === mask,
  );
  return fits;
};

/** Places of `TEXT` with a coefficient, and the loss that has it: `importance_sampling` at ratio 1. */
const weighted = (places: readonly number[], logprobs: readonly number[], mask: boolean) => {
  const advantages = logprobs.map((_, at) => Number(places.includes(at)));
  return datumOf(mask ? { logprobs, advantages, weights: advantages } : { logprobs, advantages });
};

const takesMask = async (client: BareClient, model: ScratchModel): Promise<boolean> => {
  const logprobs = await client.score(model);
  const body = passesOf(model.id, model.next(), [weighted([3], logprobs, true)], { loss: "importance_sampling" });
  const answer = await client.post("forward_backward", body);
  const ended = answer.status === 200 ? await client.result(answer) : undefined;
  await client.norm(model);
  return ended?.status === 200 && ended.json.error === undefined;
};

/** By the norms of gradients: of one place, of two, and of the same sequence twice. */
const reductionOf = async (
  client: BareClient,
  model: ScratchModel,
  mask: boolean,
): Promise<"sum" | "mean" | undefined> => {
  const logprobs = await client.score(model);
  const normOf = async (times: number): Promise<number> => {
    const data = Array.from({ length: times }, () => weighted([3], logprobs, mask));
    await client.run("forward_backward", passesOf(model.id, model.next(), data, { loss: "importance_sampling" }));
    const norm = await client.norm(model);
    if (norm === undefined || !(norm > 0))
      throw new EngineError("The server does not say the norm of a gradient: name its dialect yourself.");
    return norm;
  };
  const ratio = (await normOf(2)) / (await normOf(1));
  if (Math.abs(ratio - 2) < 0.01) return "sum";
  return Math.abs(ratio - 1) < 0.01 ? "mean" : undefined;
};

const alignment = async (client: BareClient, model: ScratchModel): Promise<Finding> => {
  const scored = await client.score(model);
  const { promptLogProbs } = await client.draw(await client.sampler(model, 0), 0);
  const sampled = [...(promptLogProbs ?? [])].slice(-(TEXT.length - 1));
  const distance = apart(scored, sampled);
  const found = `${distance.toExponential(1)} nats apart at most`;
  if (distance < 0.5) return finding("trainer and sampler score a text alike", found);
  return finding("trainer and sampler score a text alike", found, "what is sampled is not what is trained");
};

const sampling = async (client: BareClient, model: ScratchModel): Promise<Finding[]> => {
  const sampler = await client.sampler(model, 1);
  const { json } = await client.post("asample", samplesOf(sampler, 0, 2, 2));
  const named = Array.isArray(json.sample_sequence_ids) && json.sample_sequence_ids.length === 2;
  const before = await client.draw(sampler, 1);
  const hot = await client.draw(sampler, 2, {
    sampling_params: { max_tokens: 6, seed: 3, temperature: 0.5, stop: [] },
  });
  const [drawn] = hot.sequences;
  const whole = [...TEXT, ...(drawn?.tokens ?? [])];
  const rescored = await client.draw(sampler, 3, { prompt: { chunks: [{ type: "encoded_text", tokens: whole }] } });
  const plain = [...(rescored.promptLogProbs ?? [])].slice(-(drawn?.tokens.length ?? 0));
  const tempered = apart([...(drawn?.logProbs ?? [])], plain) > CLOSE;
  const length = before.promptLogProbs?.length ?? 0;

  await client.run(
    "forward_backward",
    passesOf(model.id, model.next(), [datumOf({ weights: TEXT.slice(1).map(() => 1) })]),
  );
  await client.step(model, 0.01);
  const trained = await client.score(model);
  const live = await client.draw(sampler, 5);
  const newer = await client.sampler(model, 2);
  const fresh = await client.draw(newer, 0);
  const after = await client.draw(sampler, 4);
  const far = (one: typeof before): number =>
    apart([...(before.promptLogProbs ?? [])].slice(1), [...(one.promptLogProbs ?? [])].slice(1));
  const kept = far(live) < CLOSE && far(after) < CLOSE;
  const overwritten = apart(trained, await client.score(model)) > CLOSE;
  const moved = far(fresh) > CLOSE;
  return [
    finding(
      "samples name their sequences",
      named ? "yes" : "no",
      named ? "" : "official clients from 0.26 on refuse the server",
    ),
    finding(
      "log-probabilities of a prompt",
      length === TEXT.length
        ? "one a token"
        : length === TEXT.length - 1
          ? "one fewer than tokens"
          : `${length} for ${TEXT.length} tokens`,
    ),
    finding(
      "log-probabilities of samples are",
      tempered ? "of the tempered distribution" : "of the untempered distribution",
    ),
    finding("a new snapshot has the new weights", moved ? "yes" : "no", moved ? "" : "samples would be of old weights"),
    finding("old snapshots stay as they were", kept ? "yes" : "no", kept ? "" : "only the newest version is sampled"),
    finding(
      "sampling an old snapshot changes the trained weights",
      overwritten ? "yes" : "no",
      overwritten ? "only the newest version is sampled" : "",
    ),
  ];
};

const orderOfExecution = async (client: BareClient, model: ScratchModel): Promise<Finding> => {
  const first = model.next();
  const second = model.next();
  const data = [datumOf({ weights: TEXT.slice(1).map(() => 1) })];
  const early = await client.post("forward_backward", passesOf(model.id, second, data, { forwardOnly: true }));
  const waited = early.status === 200 && (await client.result(early, 1)) === undefined;
  await client.run("forward_backward", passesOf(model.id, first, data, { forwardOnly: true }));
  await client.result(early);
  return finding("requests are executed", waited ? "in the order of their numbers" : "as they arrive");
};

const createFromState = async (client: BareClient, model: ScratchModel, session: string): Promise<Finding> => {
  const { json } = await client.run("save_weights", {
    model_id: model.id,
    path: "probe",
    seq_id: model.next(),
    overwrite: true,
    type: "save_weights",
  });
  const load = { session_id: session, model_seq_id: 1, path: json.path, optimizer: true, type: "load_weights" };
  try {
    const { json: loaded } = await client.run("load_weights", load);
    await unload(client, String(loaded.model_id ?? `${session}:train:1`));
    return finding("a model is made from a checkpoint", "in one call");
  } catch (error) {
    return finding("a model is made from a checkpoint", `in two calls (${messageOf(error).slice(0, 80)})`);
  }
};

/** A gradient that its model leaves behind, in the place of the next one. */
const leak = async (client: BareClient, model: ScratchModel, session: string): Promise<Finding> => {
  await client.run(
    "forward_backward",
    passesOf(model.id, model.next(), [datumOf({ weights: TEXT.slice(1).map(() => 1) })]),
  );
  await unload(client, model.id);
  const next = await client.model(session, 2);
  const norm = await client.norm(next);
  await unload(client, next.id);
  const clean = norm === 0 || norm === undefined;
  return finding(
    "a fresh model begins without gradient",
    clean ? "yes" : `no, its norm is ${norm.toPrecision(3)}`,
    clean ? "" : "models are emptied before they are unloaded",
  );
};

const unload = async (client: BareClient, id: string): Promise<void> => {
  const answer = await client.post("unload_model", { model_id: id, type: "unload_model" });
  if (answer.status === 200) await client.result(answer);
};
