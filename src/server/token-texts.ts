import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tokenizer } from "../engine.ts";
import { loadTokenizer } from "../engines/onnx/text/tokenizer.ts";
import { packageFolder } from "../package-folder.ts";
import type { StoredTrajectory } from "./stored-trajectory.ts";

type Row = Readonly<Record<string, unknown>>;

/** A sampled token as people read it. */
export interface ShownToken {
  readonly id: number;
  readonly text: string;
  /** Natural logarithm of the probability with which it was drawn. */
  readonly logProb: number;
}

/** What a module sampled in one turn. */
export interface ShownSample {
  readonly turn: number;
  readonly module: string;
  readonly version: string;
  /** What it read; null where that is not kept, and where no tokenizer here fits. */
  readonly prompt: string | null;
  readonly tokens: readonly ShownToken[];
  /** Whether the texts are those of the tokenizer that sampled; else each text is the number of its token. */
  readonly decoded: boolean;
}

interface Sampled {
  readonly turn: number;
  readonly module: string;
  readonly version: string;
  readonly prompt: readonly number[] | undefined;
  readonly ids: readonly number[];
  readonly logProbs: readonly number[];
  /** What the planner said, as it was read then. */
  readonly said: string | undefined;
}

const listOf = (value: unknown): readonly Row[] => (Array.isArray(value) ? (value as readonly Row[]) : []);
const numbersOf = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "number") : [];

/** All that was sampled in a trajectory, of evaluation and serving, or of training from its journal. */
const sampledIn = ({ row, journal }: StoredTrajectory): Sampled[] => {
  const trajectory = row.trajectory as Row | undefined;
  const saidIn = (turn: number): string | undefined => {
    const entry = listOf(trajectory?.memory).find(({ index }) => index === turn) as { step?: Row } | undefined;
    const actions = Array.isArray(row.actions) ? row.actions : [];
    const said = entry?.step?.raw ?? actions[turn - 1];
    return typeof said === "string" ? said : undefined;
  };
  if (journal === null)
    return listOf(trajectory?.turns).map(({ turn, module, version, prompt, ids, behaviourLogProbs }) => ({
      turn: Number(turn),
      module: String(module),
      version: String(version),
      prompt: listOf(prompt).flatMap((segment) => numbersOf(segment.ids)),
      ids: numbersOf(ids),
      logProbs: numbersOf(behaviourLogProbs),
      said: module === "planner" ? saidIn(Number(turn)) : undefined,
    }));
  return listOf(journal.turns).flatMap(({ sampled }, i) =>
    listOf(sampled).map(({ module, version, ids, logProbs }) => ({
      turn: i + 1,
      module: String(module),
      version: String(version),
      prompt: undefined,
      ids: numbersOf(ids),
      logProbs: numbersOf(logProbs),
      said: module === "planner" ? saidIn(i + 1) : undefined,
    })),
  );
};

const plain = (text: string): string =>
  text
    .replace(/<[^<>\s]{1,40}>/g, "")
    .replace(/\s+/g, " ")
    .trim();

/** Whether a tokenizer gives back what was said: another model's would give other words. */
const fits = (tokenizer: Tokenizer, samples: readonly Sampled[]): boolean => {
  const known = samples.filter(({ said, ids }) => said !== undefined && ids.length > 0);
  return known.length > 0 && known.every(({ said = "", ids }) => plain(decoded(tokenizer, ids)) === plain(said));
};

/** A token that the vocabulary does not have is no reason to fail: the tokenizer is then another one. */
const decoded = (tokenizer: Tokenizer, ids: readonly number[]): string => {
  try {
    return ids.every((id) => id < tokenizer.vocabularySize) ? tokenizer.decode(ids) : "\0";
  } catch {
    return "\0";
  }
};

/** The text that each token adds to those before it: letters may take several tokens. */
const pieces = (tokenizer: Tokenizer, ids: readonly number[]): string[] => {
  let before = "";
  return ids.map((_, i) => {
    const text = tokenizer.decode(ids.slice(0, i + 1));
    const added = text.startsWith(before) ? text.slice(before.length) : text;
    before = text;
    return added;
  });
};

/** What was sampled in a trajectory, with the texts of the first tokenizer that fits. */
export const shownSamples = (trajectory: StoredTrajectory, tokenizers: readonly Tokenizer[]): ShownSample[] => {
  const samples = sampledIn(trajectory);
  const tokenizer = tokenizers.find((one) => fits(one, samples));
  return samples.map(({ turn, module, version, prompt, ids, logProbs }) => {
    const texts = tokenizer === undefined ? ids.map((id) => `#${id}`) : pieces(tokenizer, ids);
    return {
      turn,
      module,
      version,
      prompt: tokenizer === undefined || prompt === undefined ? null : tokenizer.decode(prompt),
      tokens: ids.map((id, i) => ({ id, text: texts[i] ?? "", logProb: logProbs[i] ?? 0 })),
      decoded: tokenizer !== undefined,
    };
  });
};

/** Largest tokenizer of a run that is read. */
const MOST_BYTES = 32 * 2 ** 20;

/** The tokenizers that a run's texts may be read with: the server's own, that of the run's weights, that of the package. */
export const tokenizersFor = (own: readonly Tokenizer[]): ((folder: string) => Promise<readonly Tokenizer[]>) => {
  const read = new Map<string, Promise<Tokenizer | undefined>>();
  const tokenizerIn = (file: string): Promise<Tokenizer | undefined> => {
    const known = read.get(file) ?? loadFrom(file);
    read.set(file, known);
    // A run that is under way writes its weights later.
    void known.then((found) => found === undefined && read.delete(file));
    return known;
  };
  return async (folder) => {
    const files = [
      join(folder, "weights", "tokenizer.json"),
      join(folder, "weights", "planner", "tokenizer.json"),
      new URL("models/agentflow-tiny/tokenizer.json", packageFolder).pathname,
    ];
    const found = await Promise.all(files.map(tokenizerIn));
    return [...own, ...found.filter((one) => one !== undefined)];
  };
};

const loadFrom = async (file: string): Promise<Tokenizer | undefined> => {
  try {
    const text = await readFile(file, "utf8");
    return text.length > MOST_BYTES ? undefined : await loadTokenizer(JSON.parse(text));
  } catch {
    // Not there, or not one: tokens are then shown by their numbers.
    return undefined;
  }
};
