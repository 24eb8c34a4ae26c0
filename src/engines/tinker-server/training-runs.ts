import { checkpointAnswer, runAnswer } from "./answers.ts";
import type { Model } from "./model.ts";
import { Refusal } from "./refusal.ts";
import { parsePath, pathOf, type StateFiles } from "./state-files.ts";

/** Models that are loaded, and those that left checkpoints. */
export interface TrainingRuns {
  runs(query: URLSearchParams): Promise<object>;
  run(id: string): Promise<object>;
  checkpoints(id: string): Promise<object>;
  /** `path` is `weights/<name>` or `sampler_weights/<name>`. */
  deleteCheckpoint(id: string, path: string): Promise<void>;
}

export const createTrainingRuns = (files: StateFiles, base: string, loaded: () => readonly Model[]): TrainingRuns => {
  const find = async (id: string): Promise<object | undefined> => {
    const stored = await files.list(id);
    const live = loaded().find((model) => model.id === id);
    const none = stored.whole.length + stored.damaged.length === 0;
    return none && live === undefined ? undefined : runAnswer(id, base, stored, live);
  };
  return {
    runs: async (query) => {
      const [limit, offset] = [wholeIn(query, "limit", 20), wholeIn(query, "offset", 0)];
      const all = [...new Set([...loaded().map(({ id }) => id), ...(await files.models())])];
      const found = await Promise.all(all.slice(offset, offset + limit).map(find));
      const cursor = { offset, limit, total_count: all.length };
      // One may have gone meanwhile.
      return { training_runs: found.filter((run) => run !== undefined), cursor };
    },
    run: async (id) => {
      const found = await find(id);
      if (found === undefined) throw new Refusal(`There is no training run ${id}.`, 404);
      return found;
    },
    checkpoints: async (id) => ({
      checkpoints: (await files.list(id)).whole.map((stored) => checkpointAnswer(id, stored)),
    }),
    deleteCheckpoint: async (id, rest) => {
      const { model, kind, name } = parsePath(`tinker://${id}/${rest}`);
      if (!(await files.has(model, kind, name)))
        throw new Refusal(`There is no checkpoint ${pathOf(model, kind, name)}.`, 404);
      await files.remove(model, kind, name);
    },
  };
};

/** A number of the query. Throws `Refusal`. */
const wholeIn = (query: URLSearchParams, name: string, otherwise: number): number => {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,9}$/.test(text))
    throw new Refusal(`${name} is ${JSON.stringify(text.slice(0, 60))}: accepted is a whole number, 0 or more.`);
  return Number(text);
};
