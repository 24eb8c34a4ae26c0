/** A character of a script that is written without spaces between words, or of Hangul, whose words carry their particles. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}ー]/u;

/** Words of any script, with the marks that belong to their letters. */
export const wordsIn = (text: string): string[] => text.normalize("NFKC").match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];

/** Whether a text is mostly in scripts without spaces, by its beginning. */
export const isUnspaced = (text: string): boolean => {
  const start = [...text.slice(0, 4000)];
  return start.filter((letter) => UNSPACED.test(letter)).length > start.length / 4;
};

/**
 * What a text is found by: its words; of scripts without spaces each two characters that follow each other, and the last one,
 * so that any single one is the beginning of a term.
 */
export const termsOf = (text: string): string[] => wordsIn(text).flatMap(termsOfWord);

/** The terms of words that are not terms themselves: those in scripts without spaces, wholly or in part. */
export const unspacedTerms = (text: string): string[] =>
  wordsIn(text).flatMap((word) => (UNSPACED.test(word) ? termsOfWord(word) : []));

/** What a query looks for: as `termsOf`, but single characters only where they stand alone. */
export const queryTerms = (query: string): string[] =>
  wordsIn(query).flatMap((word) =>
    runsOf(word).flatMap(({ letters, unspaced }) =>
      unspaced && letters.length > 1 ? pairsOf(letters) : letters.join(""),
    ),
  );

const termsOfWord = (word: string): string[] =>
  UNSPACED.test(word)
    ? runsOf(word).flatMap(({ letters, unspaced }) =>
        unspaced ? [...pairsOf(letters), letters.at(-1) ?? ""] : letters.join(""),
      )
    : [word];

/** A word in runs of one kind of script. */
const runsOf = (word: string): { readonly letters: string[]; readonly unspaced: boolean }[] => {
  const runs: { readonly letters: string[]; readonly unspaced: boolean }[] = [];
  for (const letter of word) {
    const unspaced = UNSPACED.test(letter);
    const run = runs.at(-1);
    if (run?.unspaced === unspaced) run.letters.push(letter);
    else runs.push({ letters: [letter], unspaced });
  }
  return runs;
};

const pairsOf = (letters: readonly string[]): string[] => letters.slice(1).map((letter, i) => `${letters[i]}${letter}`);
