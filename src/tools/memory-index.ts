import MiniSearch from "minisearch";
import { byTerms, shortQuery } from "./passages.ts";

/** A piece of a file. */
export interface Piece {
  readonly file: string;
  readonly text: string;
}

/** Full-text search over pieces. */
export interface TextIndex {
  readonly kind: "fts5" | "memory";
  add(pieces: readonly Piece[]): void;
  /** Takes all pieces of a file out. */
  remove(file: string): void;
  /** The pieces that fit best, the best first. */
  search(query: string, count: number): Piece[];
  close(): void;
}

/** An index in JavaScript. */
export const memoryIndex = (): TextIndex => {
  const index = new MiniSearch<Piece & { id: number }>({ fields: ["text"], storeFields: ["file", "text"], ...byTerms });
  const idsOf = new Map<string, number[]>();
  let next = 0;
  return {
    kind: "memory",
    add: (pieces) => {
      for (const piece of pieces) {
        idsOf.set(piece.file, [...(idsOf.get(piece.file) ?? []), next]);
        index.add({ ...piece, id: next });
        next += 1;
      }
    },
    remove: (file) => {
      index.discardAll(idsOf.get(file) ?? []);
      idsOf.delete(file);
    },
    search: (query, count) =>
      index
        .search(shortQuery(query))
        .slice(0, count)
        .map(({ file, text }) => ({ file, text })),
    close: () => index.removeAll(),
  };
};
