const LIMIT = 4096;

/** A pure function of a text that remembers its last few thousand results: renderings repeat over the rollouts of a group. */
export const memoised = <Result>(compute: (text: string) => Result): ((text: string) => Result) => {
  const known = new Map<string, { readonly result: Result }>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found.result;
    if (known.size >= LIMIT) known.clear();
    const result = compute(text);
    known.set(text, { result });
    return result;
  };
};
