import type { TrainingSequence } from "../../../engine.ts";
import type { GrowingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Tensor } from "../carriers/runtime.ts";
import type { LayerType } from "../model-config.ts";
import { cheapestRuns } from "../padded-runs.ts";
import { HIDDEN, reachOf, showAncestors } from "./pack-inputs.ts";
import { type Pack, type PackedTarget, packSequences } from "./packing.ts";
import { coefficientOf, importanceOf, type TargetWeights, targetsOf } from "./target-weights.ts";

/** Trees that go through the graph together, as rows that are padded to `length` tokens. */
export interface TreeBatch {
  readonly trees: readonly Pack[];
  readonly length: number;
}

const LENGTH_STEP = 8;
/** A token costs what 512 pairs of attention do, and a run what 32 tokens do (2.56 M parameters, a thread of AVX2). */
const COSTS = { most: 512, run: 32, pair: 1 / 512 };
/** A tree grows while shared tokens save more than attention between its branches, which is masked, costs. */
const TREE_COSTS = { pack: 0, token: 160 };

/**
 * Sequences as trees of their common prefixes, and the trees in batches of similar size. Depends on the sequences and
 * their order alone. `most`: tokens of a tree of several sequences.
 */
export const treeBatches = (sequences: readonly TrainingSequence[], most: number): TreeBatch[] => {
  const trees = packSequences(sequences, Math.min(most, COSTS.most), TREE_COSTS).reverse();
  const lengths = trees.map(({ ids }) => LENGTH_STEP * Math.ceil(ids.length / LENGTH_STEP));
  let end = 0;
  return cheapestRuns(lengths, COSTS).map((count) => {
    end += count;
    return { trees: trees.slice(end - count, end), length: lengths[end - 1] as number };
  });
};

const costOf = ({ trees, length }: TreeBatch): number => COSTS.run + trees.length * length * (1 + COSTS.pair * length);

/** Batches in shares that cost about the same, dear ones first. Depends on the batches alone. */
export const dealt = (batches: readonly TreeBatch[], count: number): readonly (readonly TreeBatch[])[] => {
  const shares = Array.from({ length: count }, () => ({ cost: 0, batches: [] as TreeBatch[] }));
  for (const batch of [...batches].sort((a, b) => costOf(b) - costOf(a))) {
    const cheapest = shares.reduce((least, share) => (share.cost < least.cost ? share : least));
    cheapest.batches.push(batch);
    cheapest.cost += costOf(batch);
  }
  return shares.map((share) => share.batches);
};

/** Tokens, positions and masks [B, 1, 1, T, T] of a batch as inputs of the training graph. */
export const fillTokens = (
  block: GrowingBlocks,
  { trees, length }: TreeBatch,
  kinds: ReadonlyMap<LayerType, string>,
  window?: number,
): Readonly<Record<string, Tensor>> => {
  const B = trees.length;
  const ids = block("ids", "int64", [B * length]);
  const positions = block("positions", "int64", [B, length]);
  const shape = block("shape", "int64", [2]);
  (shape.memory.data as BigInt64Array).set([BigInt(B), BigInt(length)]);
  const [idData, positionData] = [ids.memory.data, positions.memory.data];
  trees.forEach((tree, row) => {
    for (let t = 0; t < length; t += 1) {
      idData[row * length + t] = BigInt(tree.ids[t] ?? 0);
      positionData[row * length + t] = BigInt(tree.depths[t] ?? 0);
    }
  });
  const masks = [...kinds].map(([type, prefix]) => {
    const mask = block(`${prefix}mask`, "float32", [B, 1, 1, length, length]);
    const values = floatsOf(mask).fill(HIDDEN);
    const reach = reachOf(type, window);
    trees.forEach((pack, tree) => {
      for (let row = 0; row < length; row += 1)
        showAncestors(values, (tree * length + row) * length, { pack, row, reach });
    });
    return [`${prefix}mask`, mask] as const;
  });
  return { ids, positions, shape, ...Object.fromEntries(masks) };
};

/** What the head of the training graph is given, and whose each of its rows is. */
export interface HeadInputs {
  readonly targets: readonly PackedTarget[];
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Rows of the head, [M]. */
  readonly count: number;
}

/** The targets of a batch as inputs of the training graph; without `weights` those of a forward pass. */
export const fillHead = (block: GrowingBlocks, { trees, length }: TreeBatch, weights?: TargetWeights): HeadInputs => {
  const own = trees.flatMap(({ targets }, tree) =>
    targetsOf(targets, weights).map((target) => ({ ...target, row: tree * length + target.row })),
  );
  const places = new Map<number, number>();
  for (const { row } of own) if (!places.has(row)) places.set(row, places.size);
  // A matrix of one row takes another kernel with other last bits: there is never one. Its filler counts nothing.
  if (places.size === 1) places.set(own[0]?.row === 0 ? 1 : 0, 1);
  const M = Math.max(2, own.length);
  const rows = block("rows", "int64", [places.size]);
  const which = block("which", "int64", [M]);
  const targets = block("targets", "int64", [M]);
  const coefficients = block("coefficients", "float32", [M]);
  const behaviour = block("behaviour", "float32", [M]);
  const cap = block("cap", "float32", [M]);
  for (const [row, place] of places) rows.memory.data[place] = BigInt(row);
  for (let m = 0; m < M; m += 1) {
    const target = own[m];
    which.memory.data[m] = BigInt(target ? (places.get(target.row) ?? 0) : 1);
    targets.memory.data[m] = BigInt(target?.id ?? 0);
    coefficients.memory.data[m] = target ? coefficientOf(target, weights) : 0;
    const drawn = importanceOf(target, weights);
    behaviour.memory.data[m] = drawn.behaviour;
    cap.memory.data[m] = drawn.cap;
  }
  const inputs = { rows, which, targets, ...(weights && { coefficients, behaviour, cap }) };
  return { targets: own, inputs, count: M };
};
