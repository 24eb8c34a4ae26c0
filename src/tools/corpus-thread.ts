/** The index of a folder's files, in a thread of its own: see `threads.ts`. Only this thread knows it. */
import { openTextIndex, type Piece, type TextIndex } from "./text-index.ts";

let opened: Promise<TextIndex> | undefined;
const index = (): Promise<TextIndex> => {
  opened ??= openTextIndex();
  return opened;
};

export const kind = async (): Promise<TextIndex["kind"]> => (await index()).kind;

/** Puts the passages of a file in the place of those that it had. */
export const put = async ({ file, passages }: { readonly file: string; readonly passages: readonly string[] }) => {
  const found = await index();
  found.remove(file);
  found.add(passages.map((text) => ({ file, text })));
};

export const remove = async (file: string): Promise<void> => (await index()).remove(file);

export const search = async (input: { readonly query: string; readonly count: number }): Promise<Piece[]> =>
  (await index()).search(input.query, input.count);
