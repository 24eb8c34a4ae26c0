import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { ConfigError, ToolError } from "../errors.ts";
import { type Tool, type ToolContext, type ToolOutput, tool } from "../tool.ts";
import { passagesOf } from "./passages.ts";
import { readablePage } from "./readable.ts";
import { openTextIndex, type Piece, type TextIndex } from "./text-index.ts";

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
  let index: TextIndex | undefined;
  let updating: Promise<TextIndex> | undefined;

  const update = async (): Promise<TextIndex> => {
    index ??= await openTextIndex();
    const root = await realpath(folder).catch((cause) => {
      throw new ToolError(`corpus_search: there is no folder ${folder}.`, { cause });
    });
    const files = await filesIn(root, extensions, maxFiles);
    for (const gone of [...seen.keys()].filter((file) => !files.includes(file))) {
      index.remove(gone);
      seen.delete(gone);
    }
    for (const file of files) {
      const path = join(root, file);
      const { size, mtimeMs } = await stat(path);
      const state = `${size} ${mtimeMs}`;
      if (size > maxFileBytes || seen.get(file) === state) continue;
      index.remove(file);
      index.add(await piecesOf(path, file));
      seen.set(file, state);
    }
    return index;
  };

  return {
    close: () => index?.close(),
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
        `${folder}: ${seen.size === 0 ? await update().then(() => seen.size) : seen.size} files, ${index?.kind}`,
      execute: async ({ query }, context): Promise<ToolOutput> => {
        if (typeof query !== "string" || query.trim() === "") throw new ToolError("corpus_search needs a query.");
        await requireGrant(folder, context);
        // Calls that come at once wait for one reading.
        updating ??= update().finally(() => {
          updating = undefined;
        });
        const found = (await updating).search(query, embed === undefined ? SHOWN : 8 * SHOWN);
        const best = embed === undefined ? found : await nearest(query, found, embed);
        if (best.length === 0)
          throw new ToolError(`corpus_search found nothing for "${query.slice(0, 100)}" in ${seen.size} files.`);
        const each = Math.floor(LONGEST / Math.min(SHOWN, best.length));
        return {
          text: best
            .slice(0, SHOWN)
            .map(({ file, text }, i) => `${i + 1}. ${file}: ${context.redact?.(text) ?? text}`.slice(0, each))
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

const piecesOf = async (path: string, file: string): Promise<Piece[]> => {
  try {
    const { sections } = await readablePage(
      await readFile(path),
      types[extname(path).toLowerCase()] ?? "text/plain",
      file,
    );
    return sections.flatMap(({ heading, text }) =>
      passagesOf(`${heading} ${text}`).map((passage) => ({ file, text: passage })),
    );
  } catch (error) {
    // A file that cannot be read, such as a damaged PDF, does not keep the others from being found.
    if (error instanceof ToolError) return [];
    throw error;
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
