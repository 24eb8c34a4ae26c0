import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempFolder } from "../../test/learn-double.ts";
import { filesIn, filesThatDiffer } from "./verify-files.ts";

const root = await tempFolder();
let folders = 0;
type Files = Readonly<Record<string, string | object>>;
const folderOf = async (files: Files): Promise<string> => {
  const folder = join(root, `run-${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(
      join(folder, name),
      typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`,
    );
  }
  return folder;
};
const differences = async (was: Files, is: Files, isCompared?: (name: string) => boolean): Promise<string[]> =>
  filesThatDiffer(await folderOf(was), await folderOf(is), isCompared);

describe("files of a run that was done again", () => {
  it("are listed with those in its folders; of what is not there nothing is", async () => {
    const folder = await folderOf({ "b.txt": "", "a/c/d.txt": "", "a/b.txt": "" });
    expect(await filesIn(folder)).toEqual(["a/b.txt", "a/c/d.txt", "b.txt"]);
    expect(await filesIn(join(folder, "none"))).toEqual([]);
  });

  it("are the same to the byte", async () => {
    const files = { "metrics.jsonl": "{}\n", "journal/0000000.jsonl": "{}\n", "config.json": { config: { seed: 3 } } };
    expect(await differences(files, files)).toEqual([]);
  });

  it("are named when they are missing, when nothing writes them, and when they are others", async () => {
    const was = { "a.txt": "one", "b.txt": "", "weights/model.bin": "x" };
    expect(await differences(was, { "a.txt": "two", "c.txt": "", "weights/model.bin": "x" })).toEqual([
      expect.stringMatching(
        /^a\.txt: 3 bytes with the SHA-256 7692c3ad3540… are there, and the run comes to 3 with 3fc4ccfe7458…$/,
      ),
      "b.txt is nothing that the run writes",
      "c.txt is missing: the run writes it",
    ]);
  });

  it("are compared where that was asked for", async () => {
    const isCompared = (name: string): boolean => name.startsWith("checkpoints/");
    const was = { "a.txt": "1", "checkpoints/step-1/x": "1" };
    expect(await differences(was, { "a.txt": "2", "checkpoints/step-1/x": "2" }, isCompared)).toEqual([
      expect.stringMatching(/^checkpoints\/step-1\/x: /),
    ]);
  });

  it("are not those that come and go, nor wall time", async () => {
    const was = {
      ".owner": "1",
      "index.sqlite": "1",
      "index.sqlite-wal": "1",
      "replies/opening.jsonl": "1",
      "timings.jsonl": "1",
      "seal.json": "1",
    };
    expect(await differences(was, {})).toEqual([]);
    expect(await differences({}, was)).toEqual([]);
    expect(await differences({ "old/timings.jsonl": "1" }, {})).toEqual([
      "old/timings.jsonl is nothing that the run writes",
    ]);
  });
});

describe("a file of JSON", () => {
  it("differs by its first value that does", async () => {
    const was = { "config.json": { config: { seed: 3, grpo: { beta: 0, list: [1, 2] } } } };
    const others: readonly (readonly [object, string])[] = [
      [{ seed: 4, grpo: { beta: 0, list: [1, 2] } }, "config.seed was 3 and is 4"],
      [{ seed: 3, grpo: { beta: 1, list: [1, 2] } }, "config.grpo.beta was 0 and is 1"],
      [{ seed: 3, grpo: { beta: 0, list: [2, 1] } }, "config.grpo.list was [1,2] and is [2,1]"],
      [{ seed: 3 }, 'config.grpo was {"beta":0,"list":[1,2]} and is nothing'],
      [{ seed: 3, grpo: { beta: 0, list: [1, 2], more: null } }, "config.grpo.more was nothing and is null"],
    ];
    for (const [config, what] of others)
      expect(await differences(was, { "config.json": { config } })).toEqual([`config.json: ${what}`]);
  });

  it("differs when it is written otherwise", async () => {
    const [plain, indented] = [JSON.stringify({ a: 1, b: 2 }), `${JSON.stringify({ a: 1, b: 2 }, null, 2)}\n`];
    expect(await differences({ "x.json": plain }, { "x.json": indented })).toEqual([
      expect.stringMatching(/^x\.json: 13 bytes/),
    ]);
    expect(await differences({ "x.json": { b: 2, a: 1 } }, { "x.json": { a: 1, b: 2 } })).toHaveLength(1);
  });

  it("is damaged when it is none", async () => {
    expect(await differences({ "x.json": "{" }, { "x.json": "{}" })).toEqual([
      expect.stringMatching(/^x\.json: it is damaged: /),
    ]);
  });

  it("may differ in wall time and in names, and in nothing beside them", async () => {
    const pairs: readonly (readonly [string, (wall: number, rest: number) => object])[] = [
      ["report.json", (wall, rest) => ({ seconds: { total: wall }, stepsDone: rest })],
      [
        "phases.json",
        (wall, rest) => ({
          extents: { "timings.jsonl": wall, "metrics.jsonl": rest },
          seconds: { total: wall },
          check: `hash ${wall}`,
        }),
      ],
      ["options.json", (wall, rest) => ({ options: { environment: `e${wall}`, model: `m${wall}`, seed: rest } })],
      [
        "checkpoints/step-0000001/progress.json",
        (wall, rest) => ({
          extents: { "timings.jsonl": wall, "phases.json": wall, "metrics.jsonl": rest },
          state: { spent: { train: wall }, after: rest },
        }),
      ],
      [
        "checkpoints/step-0000001/manifest.json",
        (wall, rest) => ({ files: { "progress.json": `hash ${wall}`, "policy-planner.state": `hash ${rest}` } }),
      ],
    ];
    for (const [name, made] of pairs) {
      expect(await differences({ [name]: made(1, 1) }, { [name]: made(2, 1) })).toEqual([]);
      const [difference, ...more] = await differences({ [name]: made(1, 1) }, { [name]: made(2, 2) });
      expect(more).toEqual([]);
      expect(difference).toMatch(new RegExp(`^${name}: \\S+ was (?:1|"hash 1") and is (?:2|"hash 2")$`));
    }
  });

  it("may lack what it need not have, and has no more than it may", async () => {
    const options = (value: object) => ({ "options.json": { options: value } });
    expect(await differences(options({ seed: 1 }), options({ seed: 1, model: "m" }))).toEqual([]);
    expect(await differences(options({ seed: 1, more: 1 }), options({ seed: 1 }))).toEqual([
      "options.json: options.more was 1 and is nothing",
    ]);
    // Another file of that name is no report.
    const nested = (total: number) => ({ "old/report.json": { seconds: total } });
    expect(await differences(nested(1), nested(2))).toEqual(["old/report.json: seconds was 1 and is 2"]);
  });
});
