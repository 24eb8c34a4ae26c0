import { openSqlite } from "../sqlite.ts";
import { memoryIndex, type TextIndex } from "./memory-index.ts";
import { shortQuery } from "./passages.ts";
import { isUnspaced, queryTerms, unspacedTerms } from "./terms.ts";

export type { Piece, TextIndex } from "./memory-index.ts";

const MOST_TERMS = 64;

/** SQLite's FTS5 where there is a SQLite; an index in JavaScript otherwise. */
export const openTextIndex = async (): Promise<TextIndex> => (await sqliteIndex()) ?? memoryIndex();

/** What is found besides a text's words as they stand: parts of scripts without spaces, and forms of the same letters. */
const moreTerms = (text: string): string => {
  const plain = text.normalize("NFKC");
  return [...unspacedTerms(plain), ...(plain === text ? [] : [plain])].join(" ");
};

/** Whether a term is one character of a script without spaces, which other terms begin with. */
const isSingle = (term: string): boolean => term.length <= 2 && [...term].length === 1 && isUnspaced(term);

const sqliteIndex = async (): Promise<TextIndex | undefined> => {
  const database = await openSqlite(":memory:");
  if (database === undefined) return undefined;
  try {
    // Words have their marks; of scripts without spaces `pairs` has what is found.
    database.exec(
      `CREATE VIRTUAL TABLE pieces USING fts5(file UNINDEXED, text, pairs, tokenize = "porter unicode61 categories 'L* N* M* Co'")`,
    );
  } catch {
    // A SQLite that was built without FTS5.
    database.close();
    return undefined;
  }
  const insert = database.prepare("INSERT INTO pieces (file, text, pairs) VALUES (?, ?, ?)");
  const remove = database.prepare("DELETE FROM pieces WHERE file = ?");
  const select = database.prepare("SELECT file, text FROM pieces WHERE pieces MATCH ? ORDER BY rank LIMIT ?");
  return {
    kind: "fts5",
    add: (pieces) => {
      database.exec("BEGIN");
      try {
        for (const { file, text } of pieces) insert.run(file, text, moreTerms(text));
        database.exec("COMMIT");
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    remove: (file) => remove.run(file),
    search: (query, count) => {
      // Each term is quoted: FTS5 has a query language, and searches are not written in it.
      const terms = queryTerms(shortQuery(query)).slice(0, MOST_TERMS);
      if (terms.length === 0) return [];
      const rows = select.rows(terms.map((term) => (isSingle(term) ? `"${term}"*` : `"${term}"`)).join(" OR "), count);
      return Array.from(rows, ([file, text]) => ({ file: String(file), text: String(text) }));
    },
    close: () => database.close(),
  };
};
