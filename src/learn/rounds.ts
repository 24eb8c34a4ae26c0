import { deriveKey, type RandomKey, random } from "../random.ts";

/**
 * Draws all of a list in a random order, then all of it in another one. The order of one round is kept: a run of hours has
 * many of them.
 */
export const rounds = <Item>(list: readonly Item[], key: RandomKey): ((index: number) => Item | undefined) => {
  const length = Math.max(1, list.length);
  let [kept, order]: [round: number, order: readonly Item[]] = [-1, []];
  return (index) => {
    const round = Math.floor(index / length);
    if (round !== kept) [kept, order] = [round, random(deriveKey(key, round)).shuffle(list)];
    return order[index % length];
  };
};
