import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { faulty } from "../scripts/checks/faulty-files.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-query-"));
const run = join(scratch, "run");
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `agentflow runs query` on the run, as a person would, through a pipe. */
const start = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", "runs", "query", run, ...args], {
    cwd: root,
    env: { ...process.env, AGENTFLOW_DEBUG: "", NODE_NO_WARNINGS: "1", ...environment },
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  const ended = new Promise<Ended>((resolve, reject) =>
    child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, ...output })),
  );
  return { child, ended };
};
const query = (args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended> =>
  start(args, environment).ended;

const rowsFile = join(run, "trajectories.jsonl");
const MANY = 21_000;
const hostile = "\u001b]0;owned\u0007 \u202edlrow \u009b2J";
const row = (i: number): string =>
  `${JSON.stringify({
    schemaVersion: 1,
    phase: "train",
    step: Math.floor(i / 64),
    task: `task ${i % 500}`,
    family: i === 0 ? hostile : "height",
    reward: i % 3 === 0 ? 1 : 0,
    actions: [`web_search q1`, `web_page @1.${i}`, "calculate value(@2.height)"],
    answer: `${i} ft`,
    stopReason: "answered",
  })}\n`;

beforeAll(() => {
  mkdirSync(run);
  writeFileSync(join(run, "config.json"), '{"schemaVersion":1,"config":{}}');
  writeFileSync(rowsFile, Array.from({ length: MANY }, (_, i) => row(i)).join(""));
});

const SLOW = { timeout: 600_000 };
const oneLine = /^agentflow: [^\n]+\n$/;
const COUNT = ["SELECT count(*) AS n, sum(reward) AS solved FROM trajectories", "--json"];
const counted = { schemaVersion: 1, columns: ["n", "solved"], rows: [[MANY, MANY / 3]], truncated: false };

it("a kill at any moment of the making leaves no bad index, and the next query clears up", SLOW, async () => {
  const drafts = (): readonly string[] => readdirSync(run).filter((name) => name.endsWith(".tmp"));
  const { child, ended } = start(COUNT);
  while (drafts().length === 0 && child.exitCode === null) await new Promise((wake) => setTimeout(wake, 5));
  child.kill("SIGKILL");
  expect(await ended).toMatchObject({ signal: "SIGKILL", stdout: "" });
  expect(existsSync(join(run, "index.sqlite"))).toBe(false);
  expect(drafts()).toHaveLength(1);

  // Right before the finished draft takes its place.
  expect((await query(COUNT, faulty({ crashAt: 1 }))).signal).toBe("SIGKILL");
  expect(existsSync(join(run, "index.sqlite"))).toBe(false);

  const full = await query(COUNT, faulty({ fullAt: 1 }));
  expect(full).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(oneLine) });
  expect(full.stderr).toContain("ENOSPC");
  expect(existsSync(join(run, "index.sqlite"))).toBe(false);

  const { code, stdout } = await query(COUNT);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(counted);
  expect(drafts()).toEqual([]);
});

it("processes that ask at once make one good index", SLOW, async () => {
  rmSync(join(run, "index.sqlite"));
  const all = await Promise.all([query(COUNT), query(COUNT), query(["--search", `${MANY - 1} ft`, "--json"])]);
  expect(all.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: "" }));
  expect(all.slice(0, 2).map(({ stdout }) => JSON.parse(stdout))).toEqual([counted, counted]);
  expect(JSON.parse(all[2]?.stdout ?? "").rows).toEqual([["answer", MANY, null, 1, `${MANY - 1} ft`]]);
  expect(readdirSync(run).sort()).toEqual(["config.json", "index.sqlite", "trajectories.jsonl"]);
  expect(JSON.parse((await query(COUNT)).stdout)).toEqual(counted);
});

it("says what there is to ask, with examples that work as they stand", SLOW, async () => {
  const { code, stdout } = await query([]);
  expect(code).toBe(0);
  expect(stdout).toContain(`trajectories  ${MANY} rows\n`);
  expect(stdout).toContain(`turns  ${3 * MANY} rows\n`);
  const examples = [...stdout.matchAll(/^agentflow runs query \S+ "(SELECT [^"]+)"$/gmu)].map(([, sql = ""]) => sql);
  expect(examples).toHaveLength(3);
  for (const sql of examples) expect(await query([sql, "--limit", "3"])).toMatchObject({ code: 0, stderr: "" });
  const { tables, examples: inJson } = JSON.parse((await query(["--json"])).stdout);
  expect(tables.map(({ name }: { name: string }) => name)).toEqual(["trajectories", "turns", "texts"]);
  expect(inJson).toHaveLength(3);
});

it("prints a table that a terminal can take, as long as the limit", SLOW, async () => {
  const { stdout, code } = await query(["SELECT id, family, answer, reward FROM trajectories"]);
  expect(code).toBe(0);
  const lines = stdout.split("\n");
  expect(lines.slice(0, 2)).toEqual([
    " id  family                                     answer  reward",
    "  1  \\u001b]0;owned\\u0007 \\u202edlrow \\u009b2J  0 ft         1",
  ]);
  expect(lines).toHaveLength(1 + 100 + 1 + 1);
  expect(lines[101]).toBe("the first 100 rows: --limit takes more, --json shows texts whole");
  const wide = await query(["SELECT hex(zeroblob(400)) AS a, 'b' AS b, hex(zeroblob(400)) AS c", "--limit", "5"]);
  expect(wide.stdout.split("\n")[1]).toMatch(/^0{36}… {2}b {2}0{36}…$/u);
  expect(Math.max(...wide.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
});

it("refuses what is not a question, in one line", SLOW, async () => {
  const before = readFileSync(join(run, "index.sqlite"));
  for (const [args, code] of [
    [["DELETE FROM texts"], 1],
    [["SELECT nothing FROM nowhere"], 1],
    [["SELECT 1", "--search", "x"], 2],
    [["SELECT 1", "--limit", "0"], 2],
  ] as const)
    expect(await query(args), args.join(" ")).toMatchObject({
      code,
      stdout: "",
      stderr: expect.stringMatching(oneLine),
    });
  expect(readFileSync(join(run, "index.sqlite")).equals(before)).toBe(true);
});
