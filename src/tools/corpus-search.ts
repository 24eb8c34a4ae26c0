import { realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { ConfigError, messageOf, ToolError } from "../errors.ts";
import { callback, checked, count, listOf, name, type Rules, required } from "../options.ts";
import { threadsOf } from "../threads/threads.ts";
import { type Tool, type ToolContext, type ToolOutput, tool } from "../tool.ts";
import { filesIn, isBinary, readPlainFile, stateOf, type Unread } from "./corpus-files.ts";
import type { Piece, TextIndex } from "./memory-index.ts";
import { plainLine } from "./plain-line.ts";
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

const optionRules: Rules<CorpusOptions> = {
  folder: required(name),
  extensions: listOf(name),
  maxFileBytes: count,
  maxFiles: count,
  embed: callback,
};

/**
 * Searches the files of a folder: passages that fit a query, with the file that each is from. Files are read at the first
 * call and, when they changed, again at later ones. What cannot be read is skipped, and each result says so. Links are not
 * followed, and a solve's grants must allow the folder.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { corpusSearch } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const corpus_search = corpusSearch({ folder: "./documents" });
 * const flow = createFlow({ model, tools: { corpus_search }, grants: { folders: ["./documents"] } });
 * ```
 */
export const corpusSearch = (options: CorpusOptions): Tool<{ query: string }> & { close(): void } => {
  checked("corpusSearch", options, optionRules);
  const { folder, extensions = ENDINGS, maxFileBytes = 8 * 2 ** 20, maxFiles = 10_000, embed } = options;
  /** Of each file what tells that it changed, and why it is not searched where it is not. */
  const known = new Map<string, { readonly state: string; readonly problem?: string }>();
  let outside: readonly Unread[] = [];
  // The index in a thread of its own: a file whose reading is cut off takes the thread that reads it, and not what is known.
  const index = threadsOf("tools/corpus-thread", { most: 1, megabytes: INDEX_MEGABYTES });
  const ask = async <Output>(asked: string, input: unknown, abortSignal?: AbortSignal): Promise<Output> => {
    try {
      return await index.run<Output>(asked, input, { what: "The index", seconds: INDEX_SECONDS, abortSignal });
    } catch (error) {
      // The thread may be gone, with all that it knew.
      known.clear();
      index.close();
      throw error;
    }
  };
  let updating: Promise<void> | undefined;

  const take = async (root: string, file: string): Promise<void> => {
    let state = "";
    let passages: readonly string[] = [];
    let problem: string | undefined;
    try {
      state = await stateOf(join(root, file));
      if (known.get(file)?.state === state) return;
      passages = await passagesIn(await readPlainFile(root, join(root, file), maxFileBytes), file);
    } catch (error) {
      // One bad file does not keep the others from being found.
      if (error instanceof ConfigError) throw error;
      problem = messageOf(error);
    }
    await ask("put", { file, passages });
    known.set(file, problem === undefined ? { state } : { state, problem });
  };

  const update = async (): Promise<void> => {
    const root = await rootOf(folder);
    const { files, unread } = await filesIn(root, extensions, maxFiles);
    outside = unread;
    const there = new Set(files);
    for (const gone of [...known.keys()].filter((file) => !there.has(file))) {
      await ask("remove", gone);
      known.delete(gone);
    }
    const end = performance.now() + 1000 * UPDATE_SECONDS;
    for (const [i, file] of files.entries()) {
      if (performance.now() > end) {
        outside = [...unread, { file, problem: `with ${files.length - i - 1} more it is read at the next call` }];
        break;
      }
      await take(root, file);
    }
  };

  const skipped = (): Unread[] => [
    ...[...known].flatMap(([file, { problem }]) => (problem === undefined ? [] : { file, problem })),
    ...outside,
  ];
  const searched = (): number => [...known.values()].filter(({ problem }) => problem === undefined).length;

  return {
    close: () => {
      known.clear();
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
      check: async () => {
        await update();
        return `${folder}: ${searched()} files, ${await ask<TextIndex["kind"]>("kind", undefined)}${skippedText(skipped())}`;
      },
      execute: async ({ query }, context): Promise<ToolOutput> => {
        if (typeof query !== "string" || query.trim() === "") throw new ToolError("corpus_search needs a query.");
        await requireGrant(folder, context);
        // Calls that come at once wait for one reading.
        updating ??= update().finally(() => {
          updating = undefined;
        });
        await unlessAborted(updating, context.abortSignal);
        const asked = query.slice(0, LONGEST_QUERY);
        const found = await ask<readonly Piece[]>(
          "search",
          { query: asked, count: embed === undefined ? SHOWN : 8 * SHOWN },
          context.abortSignal,
        );
        const best = embed === undefined ? found : await nearest(asked, found, embed);
        const left = skippedText(skipped());
        if (best.length === 0)
          throw new ToolError(
            `corpus_search found nothing for "${query.slice(0, 100)}" in ${searched()} files${left}.`,
          );
        const each = Math.floor((LONGEST - left.length) / Math.min(SHOWN, best.length));
        const passages = best
          .slice(0, SHOWN)
          .map(({ file, text }, i) => `${i + 1}. ${file}: ${context.redact?.(text) ?? text}`.slice(0, each));
        return {
          text: [...passages, ...(left === "" ? [] : [left.trim()])].join("\n"),
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
  const path = await rootOf(folder);
  for (const granted of grants.folders) {
    const outer = await realpath(granted).catch(() => undefined);
    if (outer !== undefined && (path === outer || path.startsWith(outer.endsWith(sep) ? outer : outer + sep))) return;
  }
  throw new ToolError(`The folder ${folder} may not be read in this run (grants).`);
};

/** The folder without links. Throws `ToolError` where there is none. */
const rootOf = async (folder: string): Promise<string> => {
  try {
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (cause) {
    throw new ToolError(`corpus_search: there is no folder ${folder}.`, { cause });
  }
  throw new ToolError(`corpus_search: ${folder} is not a folder.`);
};

/** The passages of a file. A damaged one is a `ToolError`. */
const passagesIn = (body: Buffer, file: string): Promise<readonly string[]> => {
  const contentType = types[extname(file).toLowerCase()] ?? "text/plain";
  if (contentType !== "application/pdf" && isBinary(body)) throw new ToolError("no text");
  return readDocument({ body, contentType, url: file }, { seconds: FILE_SECONDS });
};

/** What was not read, in words: how many, and of the first few the name and the reason. */
const skippedText = (skipped: readonly Unread[]): string => {
  if (skipped.length === 0) return "";
  const shown = skipped.slice(0, 3).map(({ file, problem }) => `${plainLine(file, 40)}: ${plainLine(problem, 60)}`);
  return ` (not read: ${skipped.length}; ${shown.join("; ")}${skipped.length > shown.length ? "; …" : ""})`;
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
  const made = await embed([query, ...found.map(({ text }) => text)]);
  if (!Array.isArray(made) || !made.every((vector) => Array.isArray(vector)))
    throw new ToolError("corpus_search: embed must give a list of vectors, one for each text.");
  const [asked = [], ...vectors] = made;
  const scored = found.map((piece, i) => ({ piece, score: cosine(asked, vectors[i] ?? []) + 1 / (1 + i) }));
  return scored.sort((a, b) => b.score - a.score).map(({ piece }) => piece);
};

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  const norm = Math.hypot(...a) * Math.hypot(...b);
  return norm === 0 ? 0 : dot / norm;
};
