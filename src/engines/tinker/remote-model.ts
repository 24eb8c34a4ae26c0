import { EngineError } from "../../errors.ts";
import { type Json, textOf } from "./connection.ts";
import { chunked } from "./data.ts";
import { Lost, ServerRefusal } from "./failures.ts";
import {
  ATTEMPTS,
  closeModel,
  executeStep,
  type Live,
  numbered,
  openModel,
  passes,
  type RemoteModelParts,
  request,
  type StepWork,
} from "./model-requests.ts";
import type { Datum, ForwardBackwardOutput } from "./wire/forward-backward.ts";

/**
 * A model at a server that may go away under it. Whatever happens, each step is in its weights exactly once: a request
 * that may have been executed is sent again under its number, which servers execute once; a model that is gone is made
 * again from its last checkpoint, with the steps that came after it, and an id is never continued after that.
 */
export interface RemoteModel {
  /** Log-probabilities of all places, by chunk. */
  forward(data: readonly Datum[]): Promise<ForwardBackwardOutput[]>;
  /** `gradientNorm` is undefined where the server does not say it. */
  step(work: StepWork): Promise<{ readonly gradientNorm: number | undefined }>;
  /** Saves all that training continues from. Returns its path. */
  save(): Promise<string>;
  /** A sampling session of the weights as they are. */
  publish(): Promise<string>;
  /** Continues from a checkpoint, in a new model. */
  reopen(path: string, optimizer: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Steps that are kept to be taken again; after as many a checkpoint is made. */
const STEPS_KEPT = 16;

export const createRemoteModel = (parts: RemoteModelParts): RemoteModel => {
  const { session } = parts;
  let live: Live | undefined;
  let start: { readonly path: string; readonly optimizer: boolean } | undefined;
  let since: StepWork[] = [];
  let saves = 0;
  /** A checkpoint that only this model knows of: the next one takes its place. */
  let interim: string | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<Live> => {
    const model = await openModel(parts, start);
    for (const work of since) await executeStep(parts, model, work);
    return model;
  };
  /** Runs one operation at a time, again where its model was lost. `changes`: whether it leaves a trace when it fails. */
  const run = <Result>(changes: boolean, work: (model: Live) => Promise<Result>): Promise<Result> => {
    const attempt = async (): Promise<Result> => {
      for (let n = 1; ; n += 1)
        try {
          live ??= await open();
          return await work(live);
        } catch (error) {
          if (changes || !(error instanceof ServerRefusal)) {
            const gone = live;
            live = undefined;
            if (gone !== undefined) await closeModel(parts, gone, !(error instanceof Lost));
          }
          if (!(error instanceof Lost) || n >= ATTEMPTS) throw error;
          await session.check();
        }
    };
    const mine = last.then(attempt, attempt);
    last = mine.catch(() => undefined);
    return mine;
  };
  const save = (): Promise<string> =>
    run(false, async (model) => {
      // A save that was sent twice exists already on some servers: whether whole is unknown, so another one is made.
      const answer = await renamed(() => {
        saves += 1;
        return request(parts, model, "save_weights", "SaveWeights", (seq) => ({
          ...numbered(model, seq, "save_weights"),
          path: `agentflow-${saves}`,
          overwrite: false,
        }));
      });
      const path = textOf(answer, "path", "save_weights");
      start = { path, optimizer: true };
      since = [];
      if (interim !== undefined) await parts.remove(interim);
      interim = undefined;
      return path;
    });

  return {
    save,
    forward: (data) =>
      run(false, (model) =>
        Promise.all(chunked(data).map((chunk) => passes(parts, model, chunk, "cross_entropy", true))),
      ),
    step: async (work) => {
      // Where to make the model again, should it go away.
      if (start === undefined || since.length >= STEPS_KEPT) interim = await save();
      return run(true, async (model) => {
        const done = await executeStep(parts, model, work);
        since.push(work);
        return done;
      });
    },
    publish: () =>
      run(false, async (model) => {
        const answer = await renamed(() => {
          const number = session.next("sampler");
          return request(parts, model, "save_weights_for_sampler", "SaveWeightsForSampler", (seq) => ({
            ...numbered(model, seq, "save_weights_for_sampler"),
            sampling_session_seq_id: number,
            kind: "snapshot",
          }));
        });
        return textOf(answer, "sampling_session_id", "save_weights_for_sampler");
      }),
    reopen: async (path, optimizer) => {
      await last;
      const gone = live;
      live = undefined;
      start = { path, optimizer };
      since = [];
      if (gone !== undefined) await closeModel(parts, gone, true);
      await run(false, async () => undefined);
    },
    close: async () => {
      await last;
      if (live !== undefined) await closeModel(parts, live, true);
      if (interim !== undefined) await parts.remove(interim, 2);
      [live, interim] = [undefined, undefined];
    },
  };
};

/** Attempts with a new name each, where one exists already. */
const renamed = async (send: () => Promise<Json | Uint8Array>): Promise<Json> => {
  for (let n = 1; ; n += 1)
    try {
      const answer = await send();
      if (answer instanceof Uint8Array) throw new EngineError("The server answered a save with bytes.");
      return answer;
    } catch (error) {
      if (!(error instanceof ServerRefusal) || error.status !== 409 || n >= ATTEMPTS) throw error;
    }
};
