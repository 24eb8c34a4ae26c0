import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, open, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, ToolError } from "../errors.ts";
import type { ToolOutput } from "../tool.ts";
import { readPlainFile } from "./corpus-files.ts";
import { type CorpusOptions, corpusSearch } from "./corpus-search.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const folderOf = async (): Promise<string> => {
  const root = await mkdtemp(join(tmpdir(), "agentflow-corpus-"));
  closing.push(() => rm(root, { recursive: true }));
  await writeFile(join(root, "good.md"), "# Lease\n\nThe notice period is three months.");
  return root;
};
const search = (options: CorpusOptions) => {
  const tool = corpusSearch(options);
  closing.unshift(() => tool.close());
  const context = { abortSignal: new AbortController().signal };
  return async (query: string): Promise<string> => ((await tool.execute({ query }, context)) as ToolOutput).text;
};

/** Each makes one bad file, and says how it is spoken of. */
const bad: readonly (readonly [string, (root: string) => unknown, RegExp])[] = [
  ["binary", (root) => writeFile(join(root, "a.txt"), Buffer.from([1, 0, 2, 0, 255])), /a\.txt: no text/],
  ["a damaged PDF", (root) => writeFile(join(root, "a.pdf"), "%PDF-1.7 nothing"), /a\.pdf: .*cannot be read/],
  [
    "a PDF by its first bytes",
    (root) => writeFile(join(root, "a.txt"), "%PDF-1.7 nothing"),
    /a\.txt: .*cannot be read/,
  ],
  ["too large", (root) => writeFile(join(root, "a.txt"), "x".repeat(20_000)), /a\.txt: larger than 10000 bytes/],
  [
    "sparse and huge",
    async (root) => {
      await writeFile(join(root, "a.txt"), "");
      await truncate(join(root, "a.txt"), 2 ** 40);
    },
    /a\.txt: larger than 10000 bytes/,
  ],
  ["a pipe that nobody writes to", (root) => execFileSync("mkfifo", [join(root, "a.txt")]), /a\.txt: not a plain file/],
  [
    "a socket",
    async (root) => {
      const server = createServer();
      await new Promise<void>((ready) => server.listen(join(root, "a.txt"), ready));
      closing.unshift(() => new Promise((done) => server.close(done)));
    },
    /a\.txt: not a plain file/,
  ],
  ["a link to a device", (root) => symlink("/dev/zero", join(root, "a.txt")), /a\.txt: a link/],
  ["a link out of the folder", (root) => symlink("/etc/passwd", join(root, "a.txt")), /a\.txt: a link/],
  ["a link to itself", (root) => symlink("a.txt", join(root, "a.txt")), /a\.txt: a link/],
];

describe("one bad file does not keep the others from being found, and is spoken of", () => {
  it.each(bad)("%s", async (_, make, spokenOf) => {
    const root = await folderOf();
    await make(root);
    const find = search({ folder: root, maxFileBytes: 10_000 });
    for (let time = 0; time < 2; time += 1) {
      const text = await find("notice period");
      expect(text).toMatch(/^1\. good\.md: Lease The notice period is three months\./);
      expect(text).toMatch(spokenOf);
      expect(text).toMatch(/\(not read: 1; [^;]+\)$/);
    }
    await expect(find("nothing of this")).rejects.toThrow(/in 1 files \(not read: 1; /);
  });

  it("loops of folders end, and an odd encoding is read as far as it goes", async () => {
    const root = await folderOf();
    await mkdir(join(root, "inner"));
    await symlink(root, join(root, "inner", "again"));
    await symlink("..", join(root, "inner", "up"));
    await writeFile(join(root, "inner", "latin.txt"), Buffer.from("caf\u00e9 au lait \u00ff", "latin1"));
    const find = search({ folder: root });
    expect(await find("lait")).toMatch(/^1\. inner\/latin\.txt: caf/);
    expect(await find("lease")).toBe("1. good.md: Lease The notice period is three months.");
  });

  it("a file that goes and comes back is read again", async () => {
    const root = await folderOf();
    const find = search({ folder: root });
    await writeFile(join(root, "b.txt"), Buffer.from([0, 1]));
    expect(await find("lease")).toMatch(/b\.txt: no text/);
    await writeFile(join(root, "b.txt"), "A lease of life.");
    expect(await find("life")).toBe("1. b.txt: A lease of life.");
    await unlink(join(root, "b.txt"));
    await expect(find("life")).rejects.toThrow(ToolError);
  });

  it("a folder that is none is a ToolError, and options that cannot be are a ConfigError", async () => {
    const root = await folderOf();
    for (const folder of [join(root, "none"), join(root, "good.md"), "\0", `/${"x".repeat(5000)}`])
      await expect(search({ folder })("x")).rejects.toThrow(ToolError);
    for (const options of [
      {},
      { folder: 7 },
      { folder: "" },
      { folder: root, maxFilesBytes: 5 },
      { folder: root, extensions: ".md" },
    ])
      expect(() => corpusSearch(options as CorpusOptions), JSON.stringify(options)).toThrow(ConfigError);
  });
});

it("opens a file as what it is then, not as what it was listed as", async () => {
  const root = await folderOf();
  const path = join(root, "a.txt");
  await symlink("/etc/passwd", path);
  await expect(readPlainFile(root, path, 1000)).rejects.toThrow(ToolError);
  await unlink(path);
  execFileSync("mkfifo", [path]);
  await expect(readPlainFile(root, path, 1000)).rejects.toThrow(/not a plain file/);
  await unlink(path);
  await expect(readPlainFile(root, path, 1000)).rejects.toThrow(/it is gone/);
  const file = await open(path, "w");
  await file.close();
  expect(await readPlainFile(root, path, 1000)).toHaveLength(0);
});
