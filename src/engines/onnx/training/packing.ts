import type { TrainingSequence } from "../../../engine.ts";

/** A token that is trained: `id` is looked for behind the token at `row`. */
export interface PackedTarget {
  readonly row: number;
  readonly id: number;
  /** Whose target it is: sequence and index in its `targets`. Sequences that are alike so far share it. */
  readonly uses: readonly { readonly sequence: number; readonly index: number }[];
}

/**
 * Sequences as one row of tokens, in which common prefixes lie once: a forest. A token sees its ancestors and itself;
 * parents come before their children.
 */
export interface Pack {
  readonly ids: readonly number[];
  /** −1 for the first token of a tree. */
  readonly parents: readonly number[];
  /** Positions: tokens before this one in its sequence. */
  readonly depths: readonly number[];
  readonly targets: readonly PackedTarget[];
}

/** Tokens of one pack: activations grow with it, and attention with its square. */
export const PACK_TOKENS = 1024;
/**
 * What a sequence costs that joins a pack is attention to tokens of other sequences, which is masked and wasted; what it saves
 * is a pack of its own and its shared tokens. Both are given in pairs of tokens.
 */
export interface PackCosts {
  readonly pack: number;
  readonly token: number;
}
/** Of a pack that is a run of its own, at the sizes of published models. */
const RUN_COSTS: PackCosts = { pack: 50_000, token: 2_000 };

/** Tokens that must be computed: none behind the last target. */
const lengthOf = ({ targets }: TrainingSequence): number => Math.max(0, ...targets);

const compare = (a: TrainingSequence, b: TrainingSequence): number => {
  const shorter = Math.min(lengthOf(a), lengthOf(b));
  for (let i = 0; i < shorter; i += 1) {
    const difference = (a.ids[i] as number) - (b.ids[i] as number);
    if (difference !== 0) return difference;
  }
  return lengthOf(a) - lengthOf(b);
};

/** A forest that sequences are added to. */
const forest = () => {
  const ids: number[] = [];
  const parents: number[] = [];
  const depths: number[] = [];
  const children = new Map<string, number>();
  const targets = new Map<string, { row: number; id: number; uses: PackedTarget["uses"][number][] }>();
  const childOf = (parent: number, id: number): number | undefined => children.get(`${parent} ${id}`);
  return {
    ids,
    parents,
    depths,
    /** How many tokens at the sequence's beginning are here already. */
    shared: (sequence: TrainingSequence): number => {
      let row = -1;
      let count = 0;
      for (const end = lengthOf(sequence); count < end; count += 1) {
        const next = childOf(row, sequence.ids[count] as number);
        if (next === undefined) break;
        row = next;
      }
      return count;
    },
    add: (sequence: TrainingSequence, index: number): void => {
      const path: number[] = [];
      let row = -1;
      for (let depth = 0; depth < lengthOf(sequence); depth += 1) {
        const id = sequence.ids[depth] as number;
        let next = childOf(row, id);
        if (next === undefined) {
          next = ids.length;
          children.set(`${row} ${id}`, next);
          ids.push(id);
          parents.push(row);
          depths.push(depth);
        }
        path.push(next);
        row = next;
      }
      sequence.targets.forEach((position, i) => {
        const at = path[position - 1] as number;
        const id = sequence.ids[position] as number;
        const known = targets.get(`${at} ${id}`) ?? { row: at, id, uses: [] };
        known.uses.push({ sequence: index, index: i });
        targets.set(`${at} ${id}`, known);
      });
    },
    finish: (): Pack => ({ ids, parents, depths, targets: [...targets.values()] }),
  };
};

/**
 * Packs sequences so that common prefixes are computed once (the rollouts of a group share their prompt; the turns of a
 * trajectory extend each other). Longest pack first. Depends on the sequences and their order alone; those without
 * targets are left out. A sequence longer than `limit` has a pack to itself and to what shares all of it.
 */
export const packSequences = (
  sequences: readonly TrainingSequence[],
  limit = PACK_TOKENS,
  costs: PackCosts = RUN_COSTS,
): Pack[] => {
  const order = sequences
    .map((sequence, index) => ({ sequence, index }))
    .filter(({ sequence }) => sequence.targets.length > 0)
    .sort((a, b) => compare(a.sequence, b.sequence) || a.index - b.index);
  const packs: Pack[] = [];
  let trees = forest();
  for (const { sequence, index } of order) {
    const here = trees.ids.length;
    const shared = trees.shared(sequence);
    const added = lengthOf(sequence) - shared;
    const vain = added * (here - shared);
    const joins = here + added <= limit && vain <= costs.pack + costs.token * shared;
    if (here > 0 && added > 0 && !joins) {
      packs.push(trees.finish());
      trees = forest();
    }
    trees.add(sequence, index);
  }
  if (trees.ids.length > 0) packs.push(trees.finish());
  return packs.sort((a, b) => b.ids.length - a.ids.length);
};
