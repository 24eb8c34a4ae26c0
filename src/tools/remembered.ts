/** Remembers what a function gave, the newest `most` keys for `seconds`. What it threw is not remembered. */
export const remembered = <Value>(
  work: (key: string) => Promise<Value>,
  { most = 256, seconds = 900 }: { readonly most?: number; readonly seconds?: number } = {},
): ((key: string, fresh?: () => Promise<Value>) => Promise<Value>) => {
  const known = new Map<string, { readonly value: Value; readonly at: number }>();
  return async (key, fresh = () => work(key)) => {
    const found = known.get(key);
    if (found !== undefined && performance.now() - found.at < seconds * 1000) return found.value;
    const value = await fresh();
    known.delete(key);
    known.set(key, { value, at: performance.now() });
    const [oldest] = known.keys();
    if (known.size > most && oldest !== undefined) known.delete(oldest);
    return value;
  };
};
