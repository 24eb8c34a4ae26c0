import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fourModules } from "../scripts/check-faults.ts";
import { openaiServer } from "../src/testing/index.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-solve-"));
const server = await openaiServer({
  reply: (request) => (request.headers.authorization === "Bearer sk-secret-canary" ? fourModules(request) : "no key"),
});
afterAll(async () => {
  await server.close();
  rmSync(scratch, { recursive: true, force: true });
});

const agentflow = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(
      process.execPath,
      ["--import", join(root, "node_modules/tsx/dist/loader.mjs"), join(root, "src/cli/main.ts"), ...args],
      {
        cwd: scratch,
        env: { ...process.env, NO_COLOR: "1", ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.on("close", (code) => resolve({ code, ...output }));
  });

const config = join(scratch, "agentflow.config.ts");
writeFileSync(
  config,
  `import { defineConfig, tool } from "agentflow";
const query = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const answer = (text: string) => ({ text, fields: { value: { kind: "text" as const, value: text } } });
export default defineConfig({
  model: { baseURL: ${JSON.stringify(server.baseURL)}, model: "double", price: { prompt: 1, sampled: 1 }, keyFrom: "OPENAI_API_KEY" },
  tools: {
    look: tool<{ query: string }>({ description: "Looks.", inputSchema: query, execute: ({ query }) => answer(query), check: async () => "looks well" }),
    publish: tool<{ query: string }>({ description: "Publishes.", inputSchema: query, needsApproval: true, execute: ({ query }) => answer(query) }),
  },
});
`,
);
const key = { OPENAI_API_KEY: "sk-secret-canary" };
const SLOW = 240_000;

describe("agentflow solve with a configuration", () => {
  it(
    "shows every turn, keeps the solve, and shows it again without calling anything",
    async () => {
      const { code, stdout } = await agentflow(["solve", "Capital of Ghana?", "--config", config], key);
      expect({ code, stdout }).toMatchObject({ code: 0 });
      expect(stdout).toMatch(/turn 1 {4}look Accra\n {2}call {4}look\(Accra\)\n {2}result {2}Accra\n {2}verdict stop/);
      expect(stdout).toMatch(
        /solution {2}The first result says so\.\nanswer {4}Accra\nused {6}1 turn, 1 call, \d+ tokens read, \d+ written, \$0\.\d+/,
      );
      const [id = ""] = readdirSync(join(scratch, "runs"));
      const asked = server.requests.length;
      const again = await agentflow(["solve", "--replay", id]);
      expect(again.stdout).toContain("answer    Accra");
      expect(server.requests.length).toBe(asked);
      expect(JSON.parse((await agentflow(["solve", "--replay", id, "--json"])).stdout)).toMatchObject({
        answer: "Accra",
        solution: "The first result says so.",
        run: id,
      });
      const concise = await agentflow(
        ["solve", "Capital of Ghana?", "--config", config, "--no-solution", "--json"],
        key,
      );
      expect(JSON.parse(concise.stdout)).toMatchObject({ answer: "Accra" });
      expect(concise.stdout).not.toContain("solution");
    },
    SLOW,
  );

  it(
    "holds to a budget and to the tools that were named, and says what is wrong with either",
    async () => {
      const call = (...more: string[]) =>
        agentflow(["solve", "Capital of Ghana?", "--config", config, "--no-store", "--json", ...more], key);
      expect(JSON.parse((await call("--budget", "tokens=10")).stdout)).toMatchObject({
        status: "partial",
        stopReason: "budget",
      });
      expect(await call("--tools", "nothing")).toMatchObject({
        code: 2,
        stderr: /no tool "nothing": accepted are look, publish/,
      });
      expect(await call("--budget", "coins=3")).toMatchObject({ code: 2, stderr: /tokens=…/ });
      expect(await agentflow(["solve"])).toMatchObject({ code: 2, stderr: /question/ });
    },
    SLOW,
  );

  it(
    "names a setting that nothing reads",
    async () => {
      const wrong = join(scratch, "wrong.config.ts");
      writeFileSync(wrong, "export default { modle: 'x' };\n");
      expect(await agentflow(["solve", "?", "--config", wrong])).toMatchObject({
        code: 2,
        stderr: /"modle", which nothing reads: accepted are model,/,
      });
    },
    SLOW,
  );
});

describe("agentflow doctor", () => {
  it("asks every role and every tool, and never prints a key", async () => {
    const { code, stdout } = await agentflow(["doctor", "--config", config, "--json"], key);
    const { ok, findings } = JSON.parse(stdout) as {
      ok: boolean;
      findings: { part: string; name: string; state: string; detail: string }[];
    };
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(findings.filter(({ part }) => part === "role").map(({ name, state }) => `${name} ${state}`)).toEqual([
      "analyst ok",
      "planner ok",
      "executor ok",
      "verifier ok",
      "generator ok",
    ]);
    expect(findings.find(({ name }) => name === "look")).toMatchObject({ detail: "looks well" });
    expect(stdout).not.toContain("sk-secret-canary");
  }, 240_000);

  it("finds the configuration of its folder, unless it is told not to", async () => {
    const toolsOf = async (...args: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await agentflow(["doctor", "--json", ...args], key);
      const { findings } = JSON.parse(stdout) as { findings: { part: string; name: string }[] };
      return findings.filter(({ part }) => part === "tool").map(({ name }) => name);
    };
    expect(await toolsOf()).toEqual(["look", "publish"]);
    expect(await toolsOf("--no-config")).toContain("web_search");
  });

  it("exits with 1 when a model cannot be reached", async () => {
    const { code, stdout } = await agentflow(["doctor", "--model", "http://127.0.0.1:9/v1#gone", "--json"]);
    expect(code).toBe(1);
    expect(stdout).toContain('"state":"broken"');
  }, 400_000);
});

describe("agentflow eval", () => {
  it(
    "checks the keys of a file without a model, and refuses a choice by its line",
    async () => {
      const tasks = join(scratch, "keys.jsonl");
      writeFileSync(
        tasks,
        '{"question":"Which?","choices":["1","2","3","4"],"answer":3}\n\n{"question":"Who?","answer":"The The"}\n',
      );
      const checked = await agentflow(["eval", tasks, "--check", "--json"]);
      expect([checked.code, JSON.parse(checked.stdout)]).toEqual([
        0,
        { schemaVersion: 1, set: tasks, n: 2, keys: 2, kinds: { choice: 1, text: 1 }, faults: [] },
      ]);
      writeFileSync(tasks, '\n{"question":"Which?","choices":["red","blue"],"answer":"green"}\n');
      const refused = await agentflow(["eval", tasks, "--check"]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/record 0 \(line 2\): the key "green" names no option/);
    },
    SLOW,
  );

  it(
    "scores a file of tasks, and compares with an earlier report",
    async () => {
      const tasks = join(scratch, "tasks.jsonl");
      writeFileSync(
        tasks,
        '{"question":"Capital of Ghana?","answer":"Accra"}\n{"question":"Capital of Mali?","answer":"Bamako"}\n',
      );
      const report = join(scratch, "report.json");
      const first = await agentflow(["eval", tasks, "--config", config, "--out", report, "--json"], key);
      expect(JSON.parse(first.stdout)).toMatchObject({ n: 2, accuracy: 0.5, crashed: 0 });
      // What was kept for a resumption goes once the report is there.
      const kept = `${report}.partial.jsonl`;
      expect([existsSync(report), existsSync(kept)]).toEqual([true, false]);
      const again = await agentflow(
        ["eval", tasks, "--config", config, "--out", report, "--against", report, "--resume"],
        key,
      );
      expect(again.stdout).toMatch(/accuracy {4}50\.0 % \[9\.5, 90\.5\] of 2 tasks/);
      expect(again.stdout).toMatch(/against {5}\+0\.0 \[/);
      // Another question by the same number is another task, and another model another result.
      const others = join(scratch, "others.jsonl");
      writeFileSync(
        others,
        '{"question":"Capital of Togo?","answer":"Lomé"}\n{"question":"Capital of Chad?","answer":"x"}\n',
      );
      const nowhere = await agentflow(["eval", tasks, "--config", config, "--resume"], key);
      expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("--resume needs --out") });
      const limited = await agentflow(
        ["eval", tasks, "--config", config, "--out", report, "--total", "turns=1", "--concurrency", "1"],
        key,
      );
      expect([limited.code, existsSync(kept)]).toEqual([1, true]);
      const resumed = await agentflow(["eval", others, "--config", config, "--out", report, "--resume"], key);
      expect(resumed.code).toBe(1);
      expect(resumed.stderr).toMatch(/Cannot resume from .*: its task \S+ is not one of these tasks/);
      const seeded = await agentflow(
        ["eval", tasks, "--config", config, "--out", report, "--resume", "--seed", "8"],
        key,
      );
      expect(seeded.stderr).toMatch(/Cannot resume from .*: it began with seed 7, and now it is 8/);
      const compared = await agentflow(["eval", others, "--config", config, "--against", report], key);
      expect(compared.stderr).toMatch(/report\.json is a report on other tasks/);
    },
    SLOW,
  );
});
