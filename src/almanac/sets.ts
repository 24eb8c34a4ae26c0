import {
  seed as aSeed,
  checked,
  either,
  listOf,
  name,
  number,
  objectWith,
  oneOf,
  type Rules,
  required,
} from "../options.ts";
import type { Split } from "./chains.ts";
import type { Almanac } from "./data.ts";
import { type AlmanacTask, type Paraphrase, type TaskSource, taskSource } from "./generate.ts";
import { type Cell, grid } from "./grid.ts";

/** What to draw: `count` tasks in all, spread evenly over the cells. */
export interface GenerateOptions {
  readonly almanac: Almanac;
  readonly split: Split;
  readonly cells: readonly Cell[];
  readonly count: number;
  readonly seed: number | string;
  /** @default "trained" */
  readonly paraphrase?: Paraphrase;
}

const optionRules: Rules<GenerateOptions> = {
  almanac: required(objectWith("an Almanac (loadAlmanac)")),
  split: required(oneOf("train", "validation", "test")),
  cells: required(listOf(objectWith("a cell of the grid"))),
  count: required(number({ whole: true })),
  seed: required(either(name, aSeed)),
  paraphrase: name,
};

/** Questions that were drawn already are drawn anew this many times before one is taken twice. */
const redraws = 50;

const spread = (source: TaskSource, options: Omit<GenerateOptions, "almanac" | "seed">): AlmanacTask[] => {
  const { split, cells, count, paraphrase = "trained" } = options;
  const asked = new Set<string>();
  const next = new Map<Cell, number>();
  const draw = (cell: Cell): AlmanacTask => {
    for (let tries = 0; ; tries += 1) {
      const index = next.get(cell) ?? 0;
      next.set(cell, index + 1);
      const task = source(cell, split, index, paraphrase);
      if (asked.has(task.question) && tries < redraws) continue;
      asked.add(task.question);
      return task;
    }
  };
  return Array.from({ length: count }, (_, i) => cells[i % cells.length]).flatMap((cell) =>
    cell === undefined ? [] : draw(cell),
  );
};

/**
 * Tasks drawn evenly from cells: the first of each cell, then the second of each, and so on. Deterministic.
 *
 * @example
 * ```ts
 * import { generateTasks, loadAlmanac, trainedCells } from "agentflow/almanac";
 *
 * const almanac = await loadAlmanac();
 * const tasks = generateTasks({ almanac, split: "train", cells: trainedCells, count: 100, seed: 7 });
 * ```
 */
export const generateTasks = (options: GenerateOptions): AlmanacTask[] => {
  const { almanac, seed, ...drawn } = checked("generateTasks", options, optionRules);
  return spread(taskSource(almanac, seed), drawn);
};

/** The sets that a planner is measured on. */
export interface EvaluationSets {
  /** Trained cells, pages that training never reads first. */
  readonly heldOutPages: readonly AlmanacTask[];
  /** Cells that training never asks, and such pages. */
  readonly heldOutFamily: readonly AlmanacTask[];
  /** Trained cells and such pages, in words that training never uses. */
  readonly heldOutParaphrase: readonly AlmanacTask[];
  /** Longer plans than any trained one. */
  readonly deep: readonly AlmanacTask[];
}

/** How many tasks of each set; by default about 400, 400, 200 and 60. */
export type SetSizes = { readonly [Name in keyof EvaluationSets]?: number };

const cellsOf = (role: Cell["role"]): readonly Cell[] => grid.filter((cell) => cell.role === role);
/** The cells that training draws from. */
export const trainedCells: readonly Cell[] = cellsOf("trained");

/** A world ready for training and measuring. */
export interface AlmanacTasks {
  readonly cells: readonly Cell[];
  /** The `index`-th training task of a cell: endless. */
  train(cell: Cell, index: number): AlmanacTask;
  evaluation(split: "validation" | "test", sizes?: SetSizes): EvaluationSets;
}

/**
 * All tasks of the Almanac behind one seed.
 *
 * @example
 * ```ts
 * import { almanacTasks, loadAlmanac } from "agentflow/almanac";
 *
 * const tasks = almanacTasks(await loadAlmanac(), 7);
 * const [cell] = tasks.cells;
 * if (cell !== undefined) console.log(tasks.train(cell, 0).question);
 * ```
 */
export const almanacTasks = (almanac: Almanac, seed: number | string): AlmanacTasks => {
  optionRules.seed(seed, "almanacTasks: the seed");
  const source = taskSource(almanac, seed);
  return {
    cells: trainedCells,
    train: (cell, index) => source(cell, "train", index),
    evaluation: (split, sizes = {}) => {
      const draw = (
        name: keyof EvaluationSets,
        role: Cell["role"],
        normal: number,
        paraphrase: Paraphrase = "trained",
      ) => spread(source, { split, cells: cellsOf(role), count: sizes[name] ?? normal, paraphrase });
      return {
        heldOutPages: draw("heldOutPages", "trained", 8 * trainedCells.length),
        heldOutFamily: draw("heldOutFamily", "heldOut", 24 * cellsOf("heldOut").length),
        heldOutParaphrase: draw("heldOutParaphrase", "trained", 4 * trainedCells.length, "heldOut"),
        deep: draw("deep", "deep", 20 * cellsOf("deep").length),
      };
    },
  };
};
