import { type Clock, systemClock } from "../../clock.ts";
import type { ChatTemplate, Engine, Policy, PolicyOptions, Tokenizer } from "../../engine.ts";
import { ConfigError } from "../../errors.ts";
import {
  address,
  callback,
  checked,
  count,
  listOf,
  name,
  number,
  objectWith,
  oneOf,
  type Rules,
  required,
  seconds,
  text,
} from "../../options.ts";
import { CAPABILITIES, modelIn, refusedBy } from "./capabilities.ts";
import { connect } from "./connection.ts";
import { type DialectName, dialectOf, dialects } from "./dialect.ts";
import { watchDrift } from "./drift.ts";
import type { Transport } from "./http.ts";
import { type Journal, memoryJournal, openJournal } from "./journal.ts";
import { createRemoteModel, type RemoteModel } from "./remote-model.ts";
import { createRemotePolicy } from "./remote-policy.ts";
import { createSampling } from "./sampling.ts";
import { openSession } from "./session.ts";
import { httpTransport } from "./transport.ts";

export interface TinkerEngineOptions {
  /** The server, without `/api/v1`. */
  readonly url: string;
  /** Sent as X-API-Key. */
  readonly apiKey: string;
  /** The base model, by the server's name for it. */
  readonly model: string;
  /** Of the base model. */
  readonly tokenizer: Tokenizer;
  /** Longest sequence. @default what the server says, else 4096 */
  readonly contextLength?: number | undefined;
  readonly chat?: ChatTemplate | undefined;
  /** Ids that end a reply. @default none */
  readonly endIds?: readonly number[] | undefined;
  /** What the server does where the protocol leaves it open; `agentflow engine probe` finds out. @default "tinker" */
  readonly dialect?: DialectName | undefined;
  /** File that keeps what was sent, so that a client after a crash continues from the last checkpoint. @default none */
  readonly journal?: string | undefined;
  /** How long a server may be out of reach before a call fails. @default 300 */
  readonly patienceSeconds?: number | undefined;
  /** Most samples under way at once. @default 2000 */
  readonly inFlight?: number | undefined;
  /** How far sampler and trainer may differ, in nats a token. @default 0.5 */
  readonly driftLimit?: number | undefined;
  /** How requests travel. @default node:http */
  readonly transport?: Transport | undefined;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

const engineRules: Rules<TinkerEngineOptions> = {
  url: required(address),
  apiKey: required(text),
  model: required(name),
  tokenizer: required(objectWith("a tokenizer", "encode", "decode")),
  contextLength: number({ least: 2, whole: true }),
  chat: objectWith("a chat template", "render"),
  endIds: listOf(number({ whole: true })),
  dialect: oneOf(...Object.keys(dialects)),
  journal: name,
  patienceSeconds: seconds,
  inFlight: count,
  driftLimit: number({ above: 0 }),
  transport: callback,
  clock: objectWith("a clock", "now", "after"),
};

/**
 * An engine at a server that speaks the Tinker API: its policies are LoRA adapters that are sampled and trained there,
 * with every coefficient ours. Throws `ConfigError` for a model that the server does not have, `EngineError` when it
 * cannot be reached.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 * import { openTinkerEngine } from "agentflow/engines/tinker";
 *
 * const { tokenizer } = await openEngine("agentflow-tiny");
 * const engine = await openTinkerEngine({
 *   url: "http://127.0.0.1:8210",
 *   apiKey: "tml-secret",
 *   model: "agentflow-tiny",
 *   tokenizer,
 * });
 * const planner = engine.policy("planner", { lora: { rank: 16 } });
 * ```
 */
export const openTinkerEngine = async (options: TinkerEngineOptions): Promise<Engine> => {
  const { url, apiKey, model: base, tokenizer, chat, endIds = [] } = checked("openTinkerEngine", options, engineRules);
  const { clock = systemClock, patienceSeconds = 300, inFlight = 2000, driftLimit = 0.5 } = options;
  const dialect = dialectOf(options.dialect ?? "tinker");
  const sockets = options.transport === undefined ? httpTransport(url) : undefined;
  const connection = connect({
    transport: options.transport ?? sockets ?? httpTransport(url),
    apiKey,
    clock,
    patienceSeconds,
  });
  const served = await connection.get(CAPABILITIES).catch((error) => Promise.reject(refusedBy(url, error)));
  const length = modelIn(served, url, base).max_context_length;
  const most = typeof length === "number" && length > 1 ? length : Number.POSITIVE_INFINITY;
  const contextLength = Math.min(options.contextLength ?? 4096, most);
  const journal = options.journal === undefined ? memoryJournal() : await openJournal(options.journal);
  const session = openSession(connection, clock);
  await session.id();
  await closeOrphans(journal, (model) => connection.post("unload_model", { model_id: model }, { patienceSeconds: 2 }));

  const sampling = createSampling({ connection, tokenizer, contextLength, inFlight });
  // What cannot be deleted stays at the server, which lists it.
  const remove = (path: string, patienceSeconds?: number): Promise<void> =>
    connection.delete(checkpointOf(path), { patienceSeconds }).catch(() => undefined);
  const models: RemoteModel[] = [];
  const policies = new Map<string, Policy>();
  const opened = (lora: { readonly rank: number; readonly seed: number }): RemoteModel => {
    const model = createRemoteModel({ base, lora, connection, session, dialect, journal, remove });
    models.push(model);
    return model;
  };
  const make = (policy: string, { lora: { rank = 16, seed = 0, targets } = {} }: PolicyOptions): Policy => {
    if (targets !== undefined)
      throw new ConfigError("The Tinker API trains all linears of a layer: leave out the targets of the adapter.");
    const lora = { rank, seed };
    let reference: RemoteModel | undefined;
    return createRemotePolicy(policy, engine, {
      url,
      dialect,
      lora,
      sampling,
      journal,
      model: opened(lora),
      reference: () => {
        reference ??= opened(lora);
        return reference;
      },
      drift: watchDrift(driftLimit),
      remove,
    });
  };
  const engine: Engine = {
    model: base,
    tokenizer,
    contextLength,
    learns: "adapters",
    grammars: false,
    ...(!dialect.clips && { optimiser: dialect.adam ? "unclipped" : "learning-rate" }),
    endIds,
    ...(chat && { chat }),
    description: { runtime: "tinker", server: new URL(url).host, model: base, dialect: dialect.name, contextLength },
    policy: (policy, policyOptions = {}) => {
      const found = policies.get(policy) ?? make(policy, policyOptions);
      policies.set(policy, found);
      return found;
    },
    dispose: async () => {
      for (const model of models.splice(0)) await model.close();
      await session.close();
      await journal.dispose();
      sockets?.close();
    },
  };
  return engine;
};

/** Models that an earlier client left: they are not continued, and take room. */
const closeOrphans = async (journal: Journal, unload: (model: string) => Promise<unknown>): Promise<void> => {
  for (const model of journal.orphans) {
    // One that the server does not know is gone already.
    await unload(model).catch(() => undefined);
    await journal.closed(model);
  }
};

/** The address of a checkpoint by its path, `tinker://<model>/<kind>/<name>`. */
const checkpointOf = (path: string): string => {
  const [model = "", ...rest] = path.replace("tinker://", "").split("/");
  return `training_runs/${model}/checkpoints/${rest.join("/")}`;
};
