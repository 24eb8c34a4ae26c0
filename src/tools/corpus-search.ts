import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { ConfigError, ToolError } from "../errors.ts";
import { threadsOf } from "../threads.ts";
import { type Tool, type ToolContext, type ToolOutput, tool } from "../tool.ts";
import type { Piece, TextIndex } from "./memory-index.ts";
import { readDocument } from "./read-page.ts";

export interface CorpusOptions {
  readonly folder: string;
  /** Endings of the files that are read. @default .txt .md .html .htm .pdf .json .csv */
  readonly extensions?: readonly string[];
  /** Longer files are left out. @default 8 MiB */
  readonly maxFileBytes?: number;
  /** @default 10,000 */
  readonly maxFiles?: number;
  /** Vectors of texts: pieces that full-text search found are then ordered by how near they are to the query as well. */
  readonly embed?: (texts: readonly string[]) => Promise<readonly (readonly number[])[]>;
}

const ENDINGS = [".txt", ".md", ".html", ".htm", ".pdf", ".json", ".csv"];
const SHOWN = 5;
const LONGEST = 2000;
const LONGEST_QUERY = 1000;
/** Seconds for one file, for reading files in one call (the rest is read at the next one), and for one question to the index. */
const FILE_SECONDS = 5;
const UPDATE_SECONDS = 60;
const INDEX_SECONDS = 10;
const INDEX_MEGABYTES = 1024;
const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".htm": "text/html",
  ".pdf": "application/pdf",
};

/**
 * Searches the files of a folder: passages that fit a query, with the file that each is from. Files are read at the first
 * call and, when they changed, again at later ones. Links out of the folder are not followed, and a solve's grants must
 * allow the folder.
 */
export const corpusSearch = (options: CorpusOptions): Tool<{ query: string }> & { close(): void } => {
  const { folder, extensions = ENDINGS, maxFileBytes = 8 * 2 ** 20, maxFiles = 10_000, embed } = options;
  if (typeof folder !== "string" || folder === "") throw new ConfigError("corpusSearch needs a folder.");
  const seen = new Map<string, string>();
  // The index in a thread of its own: a file whose reading is cut off takes the thread that reads it, and not what is known.
  const index = threadsOf("tools/corpus-thread", { most: 1, megabytes: INDEX_MEGABYTES });
  const ask = async <Output>(name: string, input: unknown, abortSignal?: AbortSignal): Promise<Output> => {
    try {
      return await index.run<Output>(name, input, { what: "The index", seconds: INDEX_SECONDS, abortSignal });
    } catch (error) {
      // The thread may be gone, with all that it knew.
      seen.clear();
      index.close();
      throw error;
    }
  };
  let updating: Promise<void> | undefined;

  const update = async (): Promise<void> => {
    const root = await realpath(folder).catch((cause) => {
      throw new ToolError(`corpus_search: there is no folder ${folder}.`, { cause });
    });
    const files = await filesIn(root, extensions, maxFiles);
    const there = new Set(files);
    for (const gone of [...seen.keys()].filter((file) => !there.has(file))) {
      await ask("remove", gone);
      seen.delete(gone);
    }
    const end = performance.now() + 1000 * UPDATE_SECONDS;
    for (const file of files) {
      const path = join(root, file);
      const found = await stat(path).catch(() => undefined);
      const state = `${found?.size} ${found?.mtimeMs}`;
      if (found === undefined || found.size > maxFileBytes || seen.get(file) === state) continue;
      if (performance.now() > end) break;
      await ask("put", { file, passages: await passagesIn(path, file) });
      seen.set(file, state);
    }
  };

  return {
    close: () => {
      seen.clear();
      index.close();
    },
    ...tool<{ query: string }>({
      description: "Searches your own files: the passages that fit best, with their files.",
      inputSchema: {
        type: "object",
        properties: { query: { type: "string", description: "Words that stand in the passage." } },
        required: ["query"],
      },
      metadata: {
        limits: `Only what lies in ${folder}; ${SHOWN} passages a call.`,
        bestUse: "What is in the documents of whoever asks, and not on the web.",
        examples: [{ input: { query: "notice period of the lease" }, for: "a passage in a document" }],
      },
      check: async () =>
        `${folder}: ${seen.size === 0 ? await update().then(() => seen.size) : seen.size} files, ${await ask<TextIndex["kind"]>("kind", undefined)}`,
      execute: async ({ query }, context): Promise<ToolOutput> => {
        if (typeof query !== "string" || query.trim() === "") throw new ToolError("corpus_search needs a query.");
        await requireGrant(folder, context);
        // Calls that come at once wait for one reading.
        updating ??= update().finally(() => {
          updating = undefined;
        });
        await unlessAborted(updating, context.abortSignal);
        const found = await ask<readonly Piece[]>(
          "search",
          { query: query.slice(0, LONGEST_QUERY), count: embed === undefined ? SHOWN : 8 * SHOWN },
          context.abortSignal,
        );
        const best = embed === undefined ? found : await nearest(query, found, embed);
        if (best.length === 0)
          throw new ToolError(`corpus_search found nothing for "${query.slice(0, 100)}" in ${seen.size} files.`);
        const each = Math.floor(LONGEST / Math.min(SHOWN, best.length));
        return {
          text: best
            .slice(0, SHOWN)
            .map(({ file, text }, i) => `${i + 1}. ${file}: ${text}`.slice(0, each))
            .join("\n"),
          fields: Object.fromEntries(
            best.slice(0, SHOWN).map(({ file }, i) => [String(i + 1), { kind: "address" as const, value: file }]),
          ),
          source: folder,
          trust: "untrusted",
        };
      },
    }),
  };
};

const requireGrant = async (folder: string, { grants }: ToolContext): Promise<void> => {
  if (grants?.folders === undefined) return;
  const path = await realpath(folder);
  for (const granted of grants.folders) {
    const outer = await realpath(granted).catch(() => undefined);
    if (outer !== undefined && (path === outer || path.startsWith(outer + sep))) return;
  }
  throw new ToolError(`The folder ${folder} may not be read in this run (grants).`);
};

const filesIn = async (root: string, extensions: readonly string[], most: number): Promise<string[]> => {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && extensions.includes(extname(entry.name).toLowerCase()))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
    .slice(0, most);
};

const passagesIn = async (path: string, file: string): Promise<readonly string[]> => {
  try {
    const contentType = types[extname(path).toLowerCase()] ?? "text/plain";
    return await readDocument({ body: await readFile(path), contentType, url: file }, { seconds: FILE_SECONDS });
  } catch (error) {
    // A file that cannot be read, such as a damaged PDF, does not keep the others from being found.
    if (error instanceof ConfigError) throw error;
    return [];
  }
};

/** Calls share one reading: who is aborted leaves it to the others. */
const unlessAborted = async (work: Promise<void>, abortSignal: AbortSignal): Promise<void> => {
  abortSignal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortSignal.reason);
    abortSignal.addEventListener("abort", stop, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    abortSignal.removeEventListener("abort", stop);
  }
};

/** Half by place in the full-text order, half by the angle between the vectors. */
const nearest = async (
  query: string,
  found: readonly Piece[],
  embed: NonNullable<CorpusOptions["embed"]>,
): Promise<Piece[]> => {
  if (found.length === 0) return [];
  const [asked = [], ...vectors] = await embed([query, ...found.map(({ text }) => text)]);
  const scored = found.map((piece, i) => ({ piece, score: cosine(asked, vectors[i] ?? []) + 1 / (1 + i) }));
  return scored.sort((a, b) => b.score - a.score).map(({ piece }) => piece);
};

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  const norm = Math.hypot(...a) * Math.hypot(...b);
  return norm === 0 ? 0 : dot / norm;
};
