import { constants } from "node:fs";
import { lstat, open, opendir, realpath } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { ToolError } from "../errors.ts";

/** A file or folder that is not read, and why. */
export interface Unread {
  readonly file: string;
  readonly problem: string;
}

export interface CorpusFiles {
  /** Paths below the folder, in order. */
  readonly files: readonly string[];
  readonly unread: readonly Unread[];
}

const DEEPEST = 64;
const MOST_ENTRIES = 200_000;

/** The files below a folder that have one of the endings. Links are not followed; a folder that cannot be read is skipped. */
export const filesIn = async (root: string, extensions: readonly string[], most: number): Promise<CorpusFiles> => {
  const files: string[] = [];
  const unread: Unread[] = [];
  let entries = 0;
  const walk = async (folder: string, depth: number): Promise<void> => {
    const file = relative(root, folder) || ".";
    if (depth > DEEPEST) return void unread.push({ file, problem: `deeper than ${DEEPEST} folders` });
    const folders: string[] = [];
    try {
      for await (const entry of await opendir(folder)) {
        entries += 1;
        if (entries > MOST_ENTRIES) break;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) folders.push(path);
        else if (extensions.includes(extname(entry.name).toLowerCase())) {
          if (entry.isFile()) files.push(relative(root, path));
          else
            unread.push({
              file: relative(root, path),
              problem: entry.isSymbolicLink() ? "a link" : "not a plain file",
            });
        }
      }
    } catch (error) {
      unread.push({ file, problem: reasonOf(error) });
    }
    for (const inner of folders.sort()) await walk(inner, depth + 1);
  };
  await walk(root, 0);
  if (entries > MOST_ENTRIES) unread.push({ file: ".", problem: `more than ${MOST_ENTRIES} entries` });
  if (files.length > most)
    unread.push({ file: ".", problem: `more than ${most} files, of which the rest is left out` });
  return { files: files.sort().slice(0, most), unread };
};

/** What tells that a file was changed. Throws `ToolError` for what is not a plain file any more. */
export const stateOf = async (path: string): Promise<string> => {
  const found = await lstat(path).catch(refuse);
  return `${found.size} ${found.mtimeMs} ${found.ino}`;
};

/**
 * The bytes of a plain file that lies in a folder: opened without waiting for anybody at the other end, looked at once it
 * is open, and read up to a limit, whatever size it names. Throws `ToolError`.
 */
export const readPlainFile = async (root: string, path: string, maxBytes: number): Promise<Buffer> => {
  if (!(await realpath(path).catch(refuse)).startsWith(root + sep))
    throw new ToolError("it lies outside of the folder");
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0)).catch(
    refuse,
  );
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new ToolError("not a plain file");
    if (found.size > maxBytes) throw new ToolError(`larger than ${maxBytes} bytes`);
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
      if (bytesRead === 0) return Buffer.concat(chunks);
      size += bytesRead;
      if (size > maxBytes) throw new ToolError(`larger than ${maxBytes} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } catch (error) {
    return refuse(error);
  } finally {
    await file.close();
  }
};

/** Bytes that are not text in any encoding that is read here. UTF-16 has a mark in front. */
export const isBinary = (body: Buffer): boolean => {
  const marked = (body[0] === 0xff && body[1] === 0xfe) || (body[0] === 0xfe && body[1] === 0xff);
  return !marked && body.subarray(0, 8192).includes(0);
};

const refuse = (error: unknown): never => {
  throw error instanceof ToolError ? error : new ToolError(reasonOf(error), { cause: error });
};

const reasons: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  ENOENT: "it is gone",
  ELOOP: "a link",
  ENXIO: "not a plain file",
  ENAMETOOLONG: "its path is too long",
};

const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (code === "" ? "it cannot be read" : `it cannot be read (${code})`);
};
