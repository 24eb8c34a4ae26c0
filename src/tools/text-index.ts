import { openSqlite } from "../sqlite.ts";
import { memoryIndex, type TextIndex } from "./memory-index.ts";
import { shortQuery } from "./passages.ts";

export type { Piece, TextIndex } from "./memory-index.ts";

const MOST_WORDS = 64;

/** SQLite's FTS5 where there is a SQLite; an index in JavaScript otherwise. */
export const openTextIndex = async (): Promise<TextIndex> => (await sqliteIndex()) ?? memoryIndex();

const sqliteIndex = async (): Promise<TextIndex | undefined> => {
  const database = await openSqlite(":memory:");
  if (database === undefined) return undefined;
  try {
    database.exec("CREATE VIRTUAL TABLE pieces USING fts5(file UNINDEXED, text, tokenize = 'porter unicode61')");
  } catch {
    // A SQLite that was built without FTS5.
    database.close();
    return undefined;
  }
  const insert = database.prepare("INSERT INTO pieces (file, text) VALUES (?, ?)");
  const remove = database.prepare("DELETE FROM pieces WHERE file = ?");
  const select = database.prepare("SELECT file, text FROM pieces WHERE pieces MATCH ? ORDER BY rank LIMIT ?");
  return {
    kind: "fts5",
    add: (pieces) => {
      database.exec("BEGIN");
      try {
        for (const { file, text } of pieces) insert.run(file, text);
        database.exec("COMMIT");
      } catch (error) {
        database.exec("ROLLBACK");
        throw error;
      }
    },
    remove: (file) => remove.run(file),
    search: (query, count) => {
      // Each word is quoted: FTS5 has a query language, and searches are not written in it.
      const words = (shortQuery(query).match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, MOST_WORDS);
      if (words.length === 0) return [];
      const rows = select.rows(words.map((word) => `"${word}"`).join(" OR "), count);
      return Array.from(rows, ([file, text]) => ({ file: String(file), text: String(text) }));
    },
    close: () => database.close(),
  };
};
