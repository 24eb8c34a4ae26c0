import type { Engine, Policy } from "../../engine.ts";
import { addressOf, decodeForwardBackward } from "../tinker/wire/forward-backward.ts";
import type { Fields } from "./fields.ts";
import type { Futures, Outcome } from "./futures.ts";
import { readPasses } from "./losses.ts";
import type { Model } from "./model.ts";
import type { PolicyPool } from "./policy-pool.ts";
import { Refusal } from "./refusal.ts";
import { createSaves, type SaveParts } from "./saves.ts";
import { answeredOnce, createSequence } from "./sequence.ts";
import { type LoraRequest, parsePath, requireName } from "./state-files.ts";
import { readAdam } from "./training-settings.ts";

/** What executes a training request, once its number comes. */
type Work = (policy: Policy) => Promise<Outcome>;

/** What a server lends to its models. */
export interface ModelParts extends SaveParts {
  readonly engine: Engine;
  readonly pool: PolicyPool;
}

export interface Models {
  create(id: string, lora: LoraRequest | undefined, futures: Futures): Model;
  /** Creates a model that continues from a checkpoint, if `wanted` says so once that was found; the future is that of its loading. */
  createFrom(id: string, path: string, optimizer: boolean, futures: Futures, wanted: () => void): Promise<Outcome>;
  /** Throws `Refusal` when it is not loaded. */
  find(id: string): Model;
  /** It is not found from now on; resolves when what runs has ended and nothing is left of it. */
  unload(id: string): Promise<void>;
  loaded(): readonly Model[];
  /** Answers one of the training calls: the id of its future. */
  forwardBackward(body: Uint8Array, hash: string): object;
  optimStep(fields: Fields): object;
  saveWeights(fields: Fields): object;
  saveForSampler(fields: Fields): object;
  loadWeights(fields: Fields): object;
}

/** Names of snapshots that their client gave none. */
const UNNAMED = /^unnamed-\d+$/;

const describeLora = (lora: LoraRequest | undefined): string =>
  lora === undefined ? "all weights" : `rank ${lora.rank}, attention ${lora.trainAttention}, MLP ${lora.trainMlp}`;

export const createModels = (parts: ModelParts, most: number): Models => {
  const { engine, base, files, pool, snapshots, now } = parts;
  const saves = createSaves(parts);
  const models = new Map<string, Model>();
  const bounds = { vocabularySize: engine.tokenizer.vocabularySize, contextLength: engine.contextLength };

  const find = (id: string): Model => {
    const model = models.get(id);
    if (model === undefined)
      throw new Refusal(`Model ${id} is not loaded: create a model, and load its last checkpoint.`, 404);
    model.lastRequest = now();
    return model;
  };
  /** `prepare` comes before all that is asked of it. */
  const make = (
    id: string,
    lora: LoraRequest | undefined,
    futures: Futures,
    prepare: (policy: Policy) => Promise<void> = async () => undefined,
  ): Model => {
    if (models.size >= most)
      throw new Refusal(`${models.size} models are loaded, as many as the server takes: unload one first.`);
    const model: Model = {
      id,
      lora,
      futures,
      lastRequest: now(),
      policy: pool.lease(lora).then((policy) =>
        prepare(policy).then(
          () => policy,
          (error: unknown) => {
            pool.giveBack(policy);
            throw error;
          },
        ),
      ),
      sequence: createSequence(),
      once: answeredOnce<object>(),
      passing: [],
    };
    // Whoever waits for it sees how its making failed.
    model.policy.catch(() => models.delete(id));
    models.set(id, model);
    return model;
  };

  /** Places what `check` returns at its number; a request that is refused has used its number as well. */
  const submit = (model: Model, seq: number | undefined, hash: string, check: () => Work): object => {
    const follow = (result: (run: () => Promise<Outcome>) => Promise<Outcome>, work: Work): object => {
      const id = model.futures.follow(result(async () => work(await model.policy)));
      return { request_id: id, future_id: id, model_id: model.id, status: "pending" };
    };
    // Without a number it is executed as it comes, every time.
    if (seq === undefined || seq === 0) return follow(model.sequence.beside, check());
    if (seq < 0) throw new Refusal(`seq_id is ${seq}: accepted are 1, 2, 3 and so on.`);
    return model.once(seq, hash, () => {
      let work: Work;
      try {
        work = check();
      } catch (error) {
        model.sequence.skip(seq);
        throw error;
      }
      return follow((run) => model.sequence.place(seq, run), work);
    });
  };

  const loadInto = async (policy: Policy, lora: LoraRequest | undefined, path: string, optimizer: boolean) => {
    const { model, kind, name } = parsePath(path);
    const { state, about } = await files.load(model, kind, name);
    if (about.base !== base || describeLora(about.lora) !== describeLora(lora))
      throw new Refusal(
        `${path} is of ${about.base} with ${describeLora(about.lora)}, the model of ${base} with ${describeLora(lora)}.`,
      );
    await policy.importState(state);
    // Going back to what was just published leaves the weights and clears the moments.
    if (!optimizer) await policy.restore(policy.version);
  };
  const submitFields = (fields: Fields, check: (model: Model) => Work): object => {
    const model = find(fields.text("model_id"));
    return submit(model, fields.optionalInteger("seq_id"), fields.hash, () => check(model));
  };
  return {
    create: (id, lora, futures) => make(id, lora, futures),
    find,
    loaded: () => [...models.values()],
    createFrom: async (id, path, optimizer, futures, wanted) => {
      const { model, kind, name } = parsePath(path);
      const { about } = await files.load(model, kind, name);
      wanted();
      await make(id, about.lora, futures, (policy) => loadInto(policy, about.lora, path, optimizer)).policy;
      return { type: "load_weights", path, model_id: id };
    },
    unload: async (id) => {
      const model = models.get(id);
      if (model === undefined) return;
      models.delete(id);
      // What runs still changes the policy, and may save: the next model gets it after that.
      await model.sequence.close(new Refusal(`Model ${id} is not loaded: it was unloaded.`));
      const policy = await model.policy.catch(() => undefined);
      snapshots.forget(id);
      try {
        await saves.removePassing(model);
      } finally {
        if (policy !== undefined) pool.giveBack(policy);
      }
    },
    forwardBackward: (body, hash) => {
      const { modelId, seqId } = addressOf(body);
      return submit(find(modelId), seqId, hash, () => readPasses(decodeForwardBackward(body), bounds));
    },
    optimStep: (fields) =>
      submitFields(fields, () => {
        if (fields.value("optimizer_params") !== undefined)
          throw new Refusal("optimizer_params are not offered: accepted are adam_params.");
        const options = readAdam(fields.within("adam_params"));
        return async (policy) => {
          const { gradientNorm } = await policy.optimStep(options);
          return { type: "optim_step", metrics: { grad_norm: gradientNorm, learning_rate: options.learningRate } };
        };
      }),
    saveWeights: (fields) =>
      submitFields(fields, (model) => {
        const name = requireName(fields.optionalText("path") ?? `step-${fields.optionalInteger("seq_id") ?? 0}`);
        const request = { name, overwrite: fields.truth("overwrite"), session: undefined };
        return (policy) => saves.weights(model, policy, request);
      }),
    saveForSampler: (fields) =>
      submitFields(fields, (model) => {
        const named = fields.optionalText("path");
        const seq = fields.optionalInteger("sampling_session_seq_id");
        if (named === undefined && seq === undefined)
          throw new Refusal("The body lacks path or sampling_session_seq_id: give a name, or the number of a session.");
        if (named !== undefined && UNNAMED.test(named))
          throw new Refusal(
            `The name ${named} is one of those that snapshots without a name get: choose another name.`,
          );
        const name = requireName(named ?? `unnamed-${seq}`);
        const session = named === undefined ? seq : undefined;
        const request = { name, overwrite: session !== undefined || fields.truth("overwrite"), session };
        return (policy) => saves.forSampler(model, policy, request);
      }),
    loadWeights: (fields) =>
      submitFields(fields, (model) => {
        const path = fields.text("path");
        parsePath(path);
        const optimizer = fields.truth("optimizer");
        return async (policy) => {
          await loadInto(policy, model.lora, path, optimizer);
          return { type: "load_weights", path, model_id: model.id };
        };
      }),
  };
};
