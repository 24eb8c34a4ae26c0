import { memoryIndex, type Piece, type TextIndex } from "./memory-index.ts";

export type { Piece, TextIndex } from "./memory-index.ts";

/** SQLite's FTS5 where Node has it (22.5 and later); an index in JavaScript otherwise. */
export const openTextIndex = async (): Promise<TextIndex> => (await sqliteIndex()) ?? memoryIndex();

const sqliteIndex = async (): Promise<TextIndex | undefined> => {
  // Not in Node 20, whose types this is built with: named in a variable, so that nothing looks for it.
  const name = "node:sqlite";
  const sqlite = (await import(name).catch(() => undefined)) as
    | { readonly DatabaseSync: new (path: string) => Database }
    | undefined;
  if (sqlite === undefined) return undefined;
  const database = new sqlite.DatabaseSync(":memory:");
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
      for (const { file, text } of pieces) insert.run(file, text);
      database.exec("COMMIT");
    },
    remove: (file) => void remove.run(file),
    search: (query, count) => {
      // Each word as a text of its own: FTS5 has a language, and a query is none.
      const words = query.match(/[\p{L}\p{N}]+/gu) ?? [];
      if (words.length === 0) return [];
      return select.all(words.map((word) => `"${word}"`).join(" OR "), count) as unknown as Piece[];
    },
    close: () => database.close(),
  };
};

interface Database {
  exec(sql: string): void;
  prepare(sql: string): { run(...values: unknown[]): unknown; all(...values: unknown[]): unknown[] };
  close(): void;
}
