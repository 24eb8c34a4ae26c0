/** Each benchmark by a small file of our own items in its format: every key, given back, is right. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, StoreError } from "../errors.ts";
import { checkKeys, readTaskFile, scoreAnswer } from "../tasks/index.ts";
import { guardedFetch } from "../tools/index.ts";
import { type Benchmark, benchmarks, fetchBenchmark, fetchedBenchmark, findBenchmark, howToGet } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-benchmarks-"));
/** What the source of files sends. */
let sent: { status: number; body: string; cut?: boolean; moved?: boolean } = { status: 200, body: "" };
const source = createServer(({ url }, response) => {
  if (sent.moved === true && url !== "/elsewhere") return response.writeHead(302, { location: "/elsewhere" }).end();
  response.writeHead(sent.status, { "content-length": Buffer.byteLength(sent.body) });
  if (sent.cut !== true) return response.end(sent.body);
  response.write(sent.body.slice(0, sent.body.length / 2));
  setTimeout(() => response.destroy(), 20);
});
await new Promise<void>((ready) => source.listen(0, "127.0.0.1", ready));
const url = `http://127.0.0.1:${(source.address() as AddressInfo).port}/tasks.jsonl`;
afterAll(async () => {
  source.close();
  source.closeAllConnections();
  await rm(folder, { recursive: true });
});

const options = ["red", "blue", "green", "grey"];
const lettered = options.map((option, i) => `${"ABCD"[i]}. ${option}`);
const items: Readonly<Record<string, readonly [records: readonly object[], right: string, wrong: string]>> = {
  bamboogle: [[{ idx: 0, question: "Who wrote it?", answer: ["Ann Lee"], pid: "0" }], "Ann Lee.", "Ann"],
  "2wiki": [
    [
      { query: "Is it older?", answer: "no", pid: 0, image: null },
      { query: "Where?", answer: "Accra", pid: 1 },
    ],
    "No",
    "yes",
  ],
  hotpotqa: [
    [{ idx: 0, question: "Which river?", answer: ["the Volta"], pid: "0", query: "Which river?" }],
    "Volta",
    "Niger",
  ],
  musique: [[{ query: "When?", answer: "12 May 1954", pid: 3 }], "12 May 1954", "13 May 1954"],
  gaia: [
    [
      { task_id: "a", Question: "How many?", Level: 1, "Final answer": "1,204", question: "How many?", pid: 0 },
      { task_id: "b", Question: "Which ones?", Level: 2, "Final answer": "red, blue", pid: 1 },
    ],
    "1204",
    "1205",
  ],
  aime24: [[{ idx: 0, question: "Find it.", answer: 204, pid: "2024-I-1" }], "\\boxed{204}", "205"],
  amc23: [[{ pid: 0, question: "Find it.", answer: 27, query: "Find it." }], "27.0", "28"],
  gameof24: [[{ pid: 0, question: [1, 1, 4, 6], answer: ["4×(6+1-1)"] }], "(6 + 1 - 1) * 4", "4*6"],
  gpqa: [[{ pid: 0, question: "Which?", choices: lettered, answer_idx: 1, answer: lettered[1] }], "(B)", "A"],
  medqa: [[{ idx: 0, question: "Which?", options: lettered, answer: "green", pid: 0 }], "C. green", "red"],
  gsm8k: [[{ question: "How many?", answer: "First 40, then 2.\n#### 42" }], "42", "40"],
  math500: [
    [
      {
        problem: "Solve.",
        solution: "So \\boxed{\\frac{3}{4}}.",
        answer: "\\frac{3}{4}",
        subject: "Algebra",
        level: 2,
        unique_id: "t/1",
      },
    ],
    "0.75",
    "3",
  ],
  mmlu: [[{ question: "Which?", subject: "colours", choices: options, answer: 3 }], "D", "B"],
  simpleqa: [[{ metadata: "{'topic': 'Music'}", problem: "Who sang?", answer: "Ann Lee" }], "ann lee", "Bob"],
};
const linesOf = (records: readonly object[]): string => records.map((one) => `${JSON.stringify(one)}\n`).join("");
const named = (name: string): Benchmark => {
  const benchmark = findBenchmark(name);
  if (benchmark === undefined) throw new Error(`There is no ${name}.`);
  return benchmark;
};

describe("the catalogue", () => {
  it("names each benchmark once, and knows it however it is spelt", () => {
    expect(new Set(benchmarks.map(({ name }) => name)).size).toBe(benchmarks.length);
    expect(Object.keys(items).sort()).toEqual(benchmarks.map(({ name }) => name).sort());
    for (const said of ["HotpotQA", "MATH-500", "2WikiMultihopQA", "AIME 2024", "Game of 24", "SimpleQA"])
      expect(findBenchmark(said)?.title, said).toBeDefined();
    expect(findBenchmark("heldOutPages")).toBeUndefined();
  });

  it("fetches nothing that is not to be passed on, and says how to get it", async () => {
    for (const name of ["gaia", "gpqa", "medqa"]) {
      expect(named(name).source).toBeUndefined();
      expect(howToGet(named(name))).toContain(`agentflow eval ${name} --data <file>`);
      await expect(fetchBenchmark(named(name), { folder })).rejects.toThrow(ConfigError);
    }
    // What is fetched is one version for ever, or its hash is written down when it comes.
    for (const { source: from } of benchmarks)
      if (from !== undefined) expect(from.sha256 !== undefined || /mmlu|simple_qa/.test(from.url)).toBe(true);
  });

  it.each(Object.entries(items))(
    "reads %s: every key is right, and no other answer",
    async (name, [records, right, wrong]) => {
      const path = join(folder, `${name}.jsonl`);
      await writeFile(path, linesOf(records));
      const tasks = await readTaskFile(path, { format: named(name).format });
      expect(tasks.length).toBe(records.length);
      expect(checkKeys(tasks)).toEqual([]);
      const [first] = tasks;
      if (first === undefined) throw new Error("no task");
      expect(scoreAnswer(first.sealed, right).correct).toBe(true);
      expect(scoreAnswer(first.sealed, wrong).correct).toBe(false);
      for (const { sealed } of tasks) if (sealed.kind === "choice") expect(sealed.index).toBeTypeOf("number");
    },
  );
});

describe("a solution of Game of 24 that does not come to 24", () => {
  it("is a fault of the file, although it equals its key", async () => {
    const path = join(folder, "wrong24.jsonl");
    await writeFile(path, linesOf([{ pid: 0, question: [1, 1, 4, 6], answer: ["4*6"] }]));
    expect(checkKeys(await readTaskFile(path, { format: "game24" }))).toMatchObject([{ key: "4*6" }]);
  });
});

describe("fetching a benchmark", () => {
  const body = linesOf(Array.from({ length: 3 }, (_, i) => ({ question: `${i}?`, answer: `#### ${i}` })));
  const sha256 = createHash("sha256").update(body).digest("hex");
  const own: Benchmark = { ...named("gsm8k"), name: "own", n: 3, source: { url, sha256 } };
  const get = guardedFetch({ dangerouslyAllowPrivateAddresses: true, timeoutSeconds: 5 });
  const fetchIt = (benchmark = own) => fetchBenchmark(benchmark, { folder, get });
  beforeEach(() => rm(join(folder, "own"), { recursive: true, force: true }));

  it("keeps a file whose hash and size are right, also behind a redirect, and knows it again", async () => {
    sent = { status: 200, body, moved: true };
    expect(await fetchedBenchmark(own, folder)).toBeUndefined();
    const file = await fetchIt();
    expect(file).toMatchObject({ sha256, bytes: body.length });
    expect(await readFile(file.path, "utf8")).toBe(body);
    expect(await fetchedBenchmark(own, folder)).toEqual(file);
    await writeFile(file.path, body.replace("0?", "9?"));
    await expect(fetchedBenchmark(own, folder)).rejects.toThrow(/was changed.*data get own/);
    expect(await fetchIt()).toEqual(file);
  });

  it("takes one without a published hash by its number of tasks, and holds it to what it was", async () => {
    sent = { status: 200, body };
    const unsigned: Benchmark = { ...own, source: { url } };
    const { path } = await fetchIt(unsigned);
    await writeFile(path, `${body}\n`);
    await expect(fetchedBenchmark(unsigned, folder)).rejects.toThrow(StoreError);
  });

  it.each<[string, typeof sent, Partial<Benchmark>, RegExp]>([
    ["another file", { status: 200, body: body.replace("0?", "9?") }, {}, /SHA-256.*nothing was kept/],
    ["a refusal", { status: 503, body }, {}, /answers 503.*nothing was kept/],
    ["half of it", { status: 200, body, cut: true }, {}, /cannot be fetched/],
    ["too few tasks", { status: 200, body }, { n: 4, source: { url } }, /3 tasks, and not 4: nothing was kept/],
    ["a page that is no set", { status: 200, body: "<html>" }, { source: { url } }, /0 tasks/],
  ])("keeps nothing of %s", async (_, reply, changes, message) => {
    sent = reply;
    await expect(fetchIt({ ...own, ...changes })).rejects.toThrow(message);
    expect(await fetchedBenchmark(own, folder)).toBeUndefined();
    await expect(readFile(join(folder, "own", "tasks.jsonl"))).rejects.toThrow(/ENOENT/);
  });

  it("reaches no private address unless it is told to", async () => {
    await expect(fetchBenchmark(own, { folder })).rejects.toThrow(/not on the public internet/);
  });
});
