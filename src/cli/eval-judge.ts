import { dirname, join } from "node:path";
import { calibrate, type EvalItem, type EvalJudge, judgeAnswers, type KnownReplies } from "../benchmarks/index.ts";
import { openEngine } from "../engines/onnx/index.ts";
import { ConfigError } from "../errors.ts";
import { makeChosenFolder } from "../files/make-folder.ts";
import type { ChatModel } from "../model.ts";
import { engineModel } from "../models/index.ts";
import { findModel } from "../setup/local-model.ts";
import { localName, remoteModel } from "../setup/remote-model.ts";
import { lineWriter, readLines } from "../store/lines.ts";
import { accuracyOf } from "../train/index.ts";
import type { EvalOptions } from "./eval-options.ts";

/** A model that judges, and what ends it. */
export interface OpenJudge {
  readonly model: ChatModel;
  dispose(): Promise<void>;
}

/** The judge of a name: a model behind an endpoint, a recording, or a local one. Throws `ConfigError`. */
export const openJudge = async (name: string): Promise<OpenJudge> => {
  const remote = await remoteModel(name, process.env);
  if (remote !== undefined) return { model: remote.model, dispose: async () => undefined };
  const engine = await openEngine(
    await findModel(localName(name)).catch((cause: unknown) => {
      throw new ConfigError(
        `There is no judge ${JSON.stringify(name)}: accepted are openai:<name>, <address of an endpoint>#<name>, replay:<file>, a model folder, a GGUF file or a pulled model.`,
        { cause },
      );
    }),
  );
  const policy = engine.policy("base");
  try {
    // Replies are kept by the model's id: other weights are another judge.
    const model = engineModel(policy, { id: `${engine.model}@${policy.version.slice(0, 12)}` });
    return { model, dispose: () => engine.dispose() };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
};

/** Items with what a judge says of them, and how far it agrees with the rules. */
export interface JudgedItems {
  readonly items: readonly EvalItem[];
  readonly judge: EvalJudge;
}

/** Asks the judge about every answer that there is; a task without one is wrong. */
export const judgeItems = async (
  items: readonly EvalItem[],
  model: ChatModel,
  { out, cache, concurrency }: EvalOptions,
  abortSignal: AbortSignal,
): Promise<JudgedItems> => {
  const file = cache !== undefined ? join(cache, "judge.jsonl") : out === undefined ? undefined : `${out}.judge.jsonl`;
  const known = file === undefined ? undefined : await openReplies(file);
  const answered = items.flatMap(({ id, question, expected, answer }) =>
    answer === null ? [] : [{ id, question, expected, answer }],
  );
  try {
    const { verdicts, ...judgements } = await judgeAnswers(model, answered, { concurrency, known, abortSignal });
    const byId = new Map(verdicts.map(({ id, right }) => [id, right]));
    const judged = items.map((item) => {
      const right = byId.get(item.id);
      return right === undefined ? item : { ...item, judged: right };
    });
    return {
      items: judged,
      judge: {
        ...judgements,
        ...accuracyOf(judged.map(({ judged: right }) => (right === true ? 1 : 0))),
        unread: verdicts.filter(({ right }) => right === undefined).length,
        calibration: calibrate(
          judged.map(({ id, reward, judged: right }) => ({ id, correct: reward === 1, judged: right })),
        ),
      },
    };
  } finally {
    await known?.close();
  }
};

/** Replies of judges in a file, by the hash of what they depend on. */
const openReplies = async (path: string): Promise<KnownReplies & { close(): Promise<void> }> => {
  await makeChosenFolder(dirname(path));
  const rows = (await readLines(path)) as readonly { readonly key?: unknown; readonly reply?: unknown }[];
  const known = new Map(
    rows.flatMap(({ key, reply }) =>
      typeof key === "string" && typeof reply === "string" ? [[key, reply] as const] : [],
    ),
  );
  const writer = lineWriter(path);
  return {
    get: (key) => known.get(key),
    set: (key, reply) => {
      known.set(key, reply);
      writer.append({ key, reply });
    },
    close: () => writer.close(),
  };
};
