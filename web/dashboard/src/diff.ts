/** A row of two lists side by side: the same, or what each of them has here. */
export interface DiffRow<Item> {
  readonly kind: "same" | "left" | "right" | "changed";
  readonly left: Item | undefined;
  readonly right: Item | undefined;
}

/** Longest lists that are aligned; what is beyond stands side by side. */
const MOST = 400;

/** Two lists by their longest common subsequence; neighbours that differ stand side by side. */
export const diffOf = <Item>(
  left: readonly Item[],
  right: readonly Item[],
  keyOf: (item: Item) => string,
): DiffRow<Item>[] => {
  const [ours, theirs] = [left.slice(0, MOST), right.slice(0, MOST)];
  const [keys, others] = [ours.map(keyOf), theirs.map(keyOf)];
  const lengths = Array.from({ length: keys.length + 1 }, () => new Array<number>(others.length + 1).fill(0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = keys.length - 1; i >= 0; i -= 1)
    for (let j = others.length - 1; j >= 0; j -= 1) {
      const row = lengths[i];
      if (row !== undefined)
        row[j] = keys[i] === others[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  const rows: DiffRow<Item>[] = [];
  let [i, j] = [0, 0];
  while (i < ours.length || j < theirs.length) {
    if (i < ours.length && j < theirs.length && keys[i] === others[j]) {
      rows.push({ kind: "same", left: ours[i], right: theirs[j] });
      i += 1;
      j += 1;
    } else if (i < ours.length && j < theirs.length && at(i + 1, j + 1) >= at(i, j)) {
      rows.push({ kind: "changed", left: ours[i], right: theirs[j] });
      i += 1;
      j += 1;
    } else if (j >= theirs.length || (i < ours.length && at(i + 1, j) >= at(i, j + 1))) {
      rows.push({ kind: "left", left: ours[i], right: undefined });
      i += 1;
    } else {
      rows.push({ kind: "right", left: undefined, right: theirs[j] });
      j += 1;
    }
  }
  return rows;
};
