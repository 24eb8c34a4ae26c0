/**
 * Which parts of a growing list stay when a bound bites: all from the returned index on, so that what stays is in order.
 * Undefined when not even the head fits. Once a list has grown too long, parts go until half the room behind the head is
 * free: the cut then stays where it is for several turns, and their prompts still extend each other.
 */
export const firstKept = (head: number, sizes: readonly number[], room: number): number | undefined => {
  if (head > room) return undefined;
  let first = 0;
  let sum = head;
  for (const [i, size] of sizes.entries()) {
    sum += size;
    if (sum <= room) continue;
    // The newest part goes last: it stays as long as it fits at all.
    while (first <= i && (sum > room || (first < i && sum > (head + room) / 2))) {
      sum -= sizes[first] ?? 0;
      first += 1;
    }
  }
  return first;
};
