import { randomBytes } from "node:crypto";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { scriptedPlanner } from "../testing/index.ts";
import { openTrajectoryIndex, type TrajectoryIndex } from "./trajectory-index.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-index-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let folder = scratch;
beforeEach(() => {
  folder = mkdtempSync(join(scratch, "run-"));
});

const rowsFile = (): string => join(folder, "trajectories.jsonl");
const indexFile = (): string => join(folder, "index.sqlite");
const linesOf = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify({ schemaVersion: 1, ...row })}\n`).join("");

/** Opens the index, asks, and closes it. */
const ask = async <Result>(question: (index: TrajectoryIndex) => Result): Promise<Result> => {
  const index = await openTrajectoryIndex({ folder });
  try {
    return question(index);
  } finally {
    index.close();
  }
};
const select = (sql: string): Promise<readonly (readonly unknown[])[]> =>
  ask((index) => index.query(sql, { limit: 10_000 }).rows);
const dump = async (): Promise<unknown> => [
  await select("SELECT * FROM trajectories ORDER BY id"),
  await select("SELECT * FROM turns ORDER BY trajectory, turn"),
];

const page = `Lighthouse of Alexandria. ${"It stood on Pharos. ".repeat(200)}`;

const tools = {
  read: {
    description: "Reads a page.",
    inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    execute: ({ name }: { name: string }) => {
      if (name === "nowhere") throw new Error("There is no page on the Colossus.");
      return { text: page, fields: { height: { kind: "number" as const, value: 103 } }, source: "the shelf" };
    },
  },
};

/** A trajectory of the real flow: the second turn fails, the third is refused. */
const played = async (id: string): Promise<object> => {
  const flow = createFlow({
    planner: scriptedPlanner(["read q1", "read nowhere", "shout q1"]),
    tools,
    budget: { turns: 3 },
  });
  return (await flow.solve('How high was the "Pharos"?', { id })).trajectory;
};

const training = (i: number): object => ({
  phase: "train",
  step: Math.floor(i / 4),
  task: `t${i}`,
  family: "height",
  reward: i % 2,
  actions: ["read q1", "calculate value(@1.height)"],
  answer: `${i} ft`,
  stopReason: "answered",
});

describe("what is asked of a run", () => {
  it("has a row for each trajectory and turn, and each text once", async () => {
    const rows = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => ({
        phase: "after",
        set: "heldOutPages",
        task: `task ${i}`,
        family: "height",
        expected: "103",
        reward: i % 2,
        trajectory: await played(`evaluate/${i}`),
      })),
    );
    writeFileSync(rowsFile(), linesOf([...rows, training(3)]));
    expect(
      await select("SELECT id, phase, step, task, reward, turns, errors, answer FROM trajectories WHERE id IN (2, 21)"),
    ).toEqual([
      [2, "after", null, "task 1", 1, 3, 2, null],
      [21, "train", 0, "t3", 1, 2, null, "3 ft"],
    ]);
    expect(await select("SELECT question, stop_reason FROM trajectories WHERE id = 1")).toEqual([
      ['How high was the "Pharos"?', "turn-limit"],
    ]);
    expect(await select("SELECT turn, tool, sub_goal, status, error FROM turns WHERE trajectory = 1")).toEqual([
      [1, "read", "q1", "ok", null],
      [2, "read", "nowhere", "failed", expect.stringContaining("no page on the Colossus")],
      [3, "shout", "q1", "refused", expect.stringContaining("shout")],
    ]);
    expect(await select("SELECT turn, tool, sub_goal, status FROM turns WHERE trajectory = 21")).toEqual([
      [1, "read", "q1", null],
      [2, "calculate", "value(@1.height)", null],
    ]);
    // The page was read twenty times.
    const [[times, hash] = []] = await select("SELECT count(*), text_hash FROM turns WHERE text LIKE 'Lighthouse%'");
    expect(times).toBe(20);
    expect(await select(`SELECT length(text) FROM texts WHERE hash = '${hash}'`)).toEqual([[page.length]]);
    expect(await select("SELECT count(*) FROM texts WHERE text LIKE 'Lighthouse%'")).toEqual([[1]]);
    expect(readFileSync(indexFile()).toString("latin1").split("Lighthouse of Alexandria")).toHaveLength(2);
  });

  it("finds words in questions, answers, texts and errors", async () => {
    writeFileSync(rowsFile(), linesOf([training(7), { phase: "solve", trajectory: await played("a") }]));
    const found = (words: string): Promise<unknown> =>
      ask((index) => index.search(words).rows.map((row) => row.slice(0, 4)));
    expect(await found("lighthouse ALEXANDRIA")).toEqual([["text", 2, 1, 1]]);
    expect(await found("colossus")).toEqual([["error", 2, 2, 1]]);
    expect(await found("high was")).toEqual([["question", 2, null, 1]]);
    expect(await found('7 AND "ft" OR (')).toEqual([]);
    expect(await found("7 ft")).toEqual([["answer", 1, null, 1]]);
    await expect(found("…")).rejects.toThrow(StoreError);
  });

  it("stops at the limit, also where there is no end", async () => {
    writeFileSync(rowsFile(), "");
    const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i AS i FROM n";
    expect(await ask((index) => index.query(endless, { limit: 3 }))).toEqual({
      columns: ["i", "i"],
      rows: [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
      truncated: true,
    });
    expect(await select("SELECT 9007199254740993, 1.5, NULL, x'00ff'")).toEqual([
      ["9007199254740993", 1.5, null, new Uint8Array([0, 255])],
    ]);
  });

  it("needs a SQLite, and says which", async () => {
    const opening = openTrajectoryIndex({ folder }, { sqlite: async () => undefined });
    await expect(opening).rejects.toThrow(/^Queries need SQLite.*npm install libsql/);
    await expect(opening).rejects.toThrow(StoreError);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("an index that is there", () => {
  it("is left as it is while the rows are what they were", async () => {
    writeFileSync(rowsFile(), linesOf([training(0)]));
    await dump();
    const { ino, mtimeMs } = statSync(indexFile());
    // A line that is still being written.
    appendFileSync(rowsFile(), '{"schemaVersion":1,"pha');
    await dump();
    expect(statSync(indexFile())).toMatchObject({ ino, mtimeMs });
    appendFileSync(rowsFile(), 'se":"late"}\n');
    expect(await select("SELECT id, phase FROM trajectories")).toEqual([
      [1, "train"],
      [2, "late"],
    ]);
  });

  it("reads only what is new when the rows grew", async () => {
    const many = Array.from({ length: 8000 }, (_, i) => training(i));
    writeFileSync(rowsFile(), linesOf(many));
    await dump();
    const before = statSync(rowsFile()).size;
    appendFileSync(rowsFile(), linesOf(many));
    const told: number[] = [];
    (await openTrajectoryIndex({ folder }, { onProgress: (bytes) => void told.push(bytes) })).close();
    expect(told.length).toBeGreaterThan(0);
    expect(Math.min(...told)).toBeGreaterThan(before);
    expect(await select("SELECT count(*), count(DISTINCT task), max(id) FROM trajectories")).toEqual([
      [16_000, 8000, 16_000],
    ]);
    expect(await ask((index) => index.search("77 ft").rows)).toEqual([["answer", 78, null, 2, "77 ft"]]);
  });

  it("grown piece by piece is the one that is made at once", async () => {
    const row = fc.record(
      { phase: fc.string(), task: fc.string({ unit: "binary" }), answer: fc.string(), actions: fc.array(fc.string()) },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(row, { maxLength: 4 }), { minLength: 1, maxLength: 4 }), async (pieces) => {
        rmSync(indexFile(), { force: true });
        writeFileSync(rowsFile(), "");
        for (const piece of pieces) {
          appendFileSync(rowsFile(), linesOf(piece));
          await ask(() => undefined);
        }
        const grown = await dump();
        rmSync(indexFile());
        expect(await dump()).toEqual(grown);
      }),
      { numRuns: 25 },
    );
  });

  it("is made again for rows that were cut or changed, as a run that is resumed does", async () => {
    const one = Array.from({ length: 10 }, (_, i) => training(i));
    writeFileSync(rowsFile(), linesOf(one));
    await dump();
    writeFileSync(rowsFile(), linesOf(one.slice(0, 4)));
    expect(await select("SELECT count(*) FROM trajectories")).toEqual([[4]]);
    // Cut, and as long again with other rows.
    writeFileSync(rowsFile(), linesOf(one).replaceAll("height", "HEIGHT"));
    expect(await select("SELECT DISTINCT family FROM trajectories")).toEqual([["HEIGHT"]]);
    rmSync(rowsFile());
    expect(await select("SELECT count(*) FROM trajectories")).toEqual([[0]]);
  });

  it("is made again when any byte of it changed, when it is cut, and when it is none", async () => {
    writeFileSync(rowsFile(), linesOf([...Array.from({ length: 30 }, (_, i) => training(i))]));
    const wanted = await dump();
    const whole = readFileSync(indexFile());
    const repaired = async (damaged: Uint8Array): Promise<void> => {
      writeFileSync(indexFile(), damaged);
      expect(await dump()).toEqual(wanted);
      expect(readFileSync(indexFile()).equals(Buffer.from(damaged))).toBe(false);
    };
    for (const place of [0, 20, 63, 70, 99, 100, 5000, whole.length - 1, Math.floor(whole.length / 2)]) {
      const damaged = Buffer.from(whole);
      damaged[place] = (damaged[place] ?? 0) ^ 4;
      await repaired(damaged);
    }
    await repaired(whole.subarray(0, 4096));
    await repaired(new Uint8Array(0));
    await repaired(randomBytes(9000));
    expect(readdirSync(folder).sort()).toEqual(["index.sqlite", "trajectories.jsonl"]);
  });

  it("goes on while another one takes its place", async () => {
    writeFileSync(rowsFile(), linesOf([training(0)]));
    const early = await openTrajectoryIndex({ folder });
    appendFileSync(rowsFile(), linesOf([training(1)]));
    const opened = await Promise.all(Array.from({ length: 4 }, () => openTrajectoryIndex({ folder })));
    const count = "SELECT count(*) FROM trajectories";
    expect(early.query(count).rows).toEqual([[1]]);
    expect(opened.map((index) => index.query(count).rows)).toEqual([[[2]], [[2]], [[2]], [[2]]]);
    for (const index of [early, ...opened]) index.close();
    expect(readdirSync(folder).sort()).toEqual(["index.sqlite", "trajectories.jsonl"]);
  });
});

describe("rows that nobody of us wrote", () => {
  it("are taken as they are, or named", async () => {
    const deep = `${'{"a":['.repeat(12_000)}${"]}".repeat(12_000)}`;
    const lines = [
      '{"schemaVersion":1,"__proto__":{"phase":"polluted"},"task":"constructor","trajectory":{"__proto__":null,"memory":[7,null,{}]}}',
      '{"schemaVersion":1,"task":"half a letter \\ud800 and a zero \\u0000 here","reward":"much","turns":-1,"actions":{"length":9}}',
      `{"schemaVersion":1,"expected":${deep},"trajectory":{"memory":[{"call":{"input":${deep}}}],"turns":"many"}}`,
      `{"schemaVersion":1,"phase":"${"p".repeat(100_000)}","answer":"${"huge ".repeat(1_000_000)}"}`,
    ];
    writeFileSync(rowsFile(), `${lines.join("\n")}\n`);
    expect(await select("SELECT id, phase, task, reward, turns FROM trajectories WHERE id < 4")).toEqual([
      [1, null, "constructor", null, 3],
      [2, null, "half a letter \ufffd and a zero \ufffd here", null, 0],
      [3, null, null, null, 1],
    ]);
    expect(await select("SELECT expected FROM trajectories WHERE id = 3")).toEqual([
      ["(nested too deeply to be shown)"],
    ]);
    expect(await select("SELECT length(phase), substr(answer, -31) FROM trajectories WHERE id = 4")).toEqual([
      [1000, " [cut: 4950000 more characters]"],
    ]);
    expect(({} as { phase?: unknown }).phase).toBeUndefined();
  });

  it("that are damaged or of another version end it, and leave nothing", async () => {
    for (const [line, message] of [
      ['{"schemaVersion":1,', /trajectories\.jsonl is damaged: line 2 is not JSON/],
      ['{"schemaVersion":2}', /^Line 2 of .*trajectories\.jsonl has schemaVersion 2; this version reads 1/],
      ["null", /schemaVersion undefined/],
    ] as const) {
      writeFileSync(rowsFile(), `${linesOf([training(0)])}${line}\n`);
      const opening = openTrajectoryIndex({ folder });
      await expect(opening).rejects.toThrow(message);
      await expect(opening).rejects.toThrow(StoreError);
      expect(readdirSync(folder)).toEqual(["trajectories.jsonl"]);
    }
  });
});

describe("SQL that does anything but read", () => {
  it("is refused, and nothing changes", async () => {
    writeFileSync(rowsFile(), linesOf([training(0)]));
    await dump();
    const before = readFileSync(indexFile());
    const target = join(folder, "written");
    for (const sql of [
      "DELETE FROM turns_stored",
      "/* SELECT */ insert INTO texts VALUES (9, 'a', 'b')",
      "UPDATE texts SET text = ''",
      "DROP TABLE texts",
      "CREATE TEMP TABLE mine (a)",
      "WITH one AS (SELECT 1) DELETE FROM texts",
      "WITH one AS (SELECT 1) INSERT INTO texts SELECT 9, 'a', 'b' RETURNING id",
      `ATTACH '${target}' AS other`,
      `VACUUM INTO '${target}'`,
      "PRAGMA query_only = 0",
      "-- only a comment\nPRAGMA user_version = 9",
      "SELECT * FROM pragma_user_version",
      "BEGIN",
      "EXPLAIN DELETE FROM texts",
      "SELECT 1; DELETE FROM texts",
      "SELECT ';' ; ; SELECT 2",
      "SELECT load_extension('x')",
      `SELECT writefile('${target}', 'x')`,
      `SELECT "WriteFile" /* here */ ('${target}', 'x')`,
      `SELECT [writefile]('${target}', 'x')`,
      `SELECT 'writefile'('${target}', 'x')`,
      `SELECT '''', \`writefile\`('${target}', 'x')`,
      "SELECT readfile('/etc/hostname')",
      `SELECT name FROM fsdir WHERE path = '${folder}'`,
      `SELECT name FROM 'fsdir' WHERE path = '${folder}'`,
      "SELECT * FROM sqlite_dbpage",
      "INSERT INTO text_search(text_search) VALUES('rebuild')",
      "SELECT FROM WHERE",
      "SELECT 'unfinished",
      "SELECT 1\0",
      "",
      " ; ",
    ]) {
      const asking = ask((index) => index.query(sql));
      await expect(asking, sql).rejects.toThrow(StoreError);
    }
    expect(readFileSync(indexFile()).equals(before)).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(["index.sqlite", "trajectories.jsonl"]);
  });

  it("is not taken for what it is not", async () => {
    writeFileSync(rowsFile(), linesOf([training(0)]));
    for (const sql of [
      "SELECT 'a; DELETE FROM texts' AS told; ",
      "-- first\nSELECT count(*) FROM turns WHERE sub_goal LIKE 'writefile(%' /* ; */ ;;",
      "VALUES (1), (2)",
      "EXPLAIN QUERY PLAN SELECT * FROM turns",
      "SELECT value FROM json_each('[1,2]')",
      "SELECT snippet(text_search, 0, '[', ']', '…', 9) FROM text_search WHERE text_search MATCH ('ft')",
      "WITH c(x) AS (SELECT 1) SELECT replace(x, 1, 2), row_number() OVER (ORDER BY x) FROM c",
    ])
      expect((await ask((index) => index.query(sql))).rows.length, sql).toBeGreaterThan(0);
  });
});
