import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import OpenAI from "openai";
import { afterAll, describe, expect, it } from "vitest";
import { closeServers, scratchFolder } from "./serve-double.ts";

const root = join(import.meta.dirname, "..");
const command = ["--import", "tsx", "src/cli/main.ts", "serve"];
const folder = scratchFolder();
afterAll(closeServers);

const started = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const child: ChildProcess = spawn(process.execPath, [...command, "--out", folder, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
  });
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => void child.on("close", resolve));
  return { child, said, ended };
};

const QUESTION = "What is the latitude of the airport with code LOS in degrees?";

describe("agentflow serve", () => {
  it("serves the planner of the package, says how to reach it, and ends with SIGTERM", {
    timeout: 600_000,
  }, async () => {
    const { child, said, ended } = started(["--port", "0", "--json"]);
    while (!said.stdout.includes("\n")) await new Promise((next) => setTimeout(next, 50));
    const { url, token, model, run } = JSON.parse(said.stdout) as Record<"url" | "token" | "model" | "run", string>;
    expect(said.stderr).toContain(`serving   ${url}/v1, model agentflow`);
    expect(token).toMatch(/^[\w-]{32}$/);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 });
    const answer = await client.chat.completions.create({ model, messages: [{ role: "user", content: QUESTION }] });
    expect(answer.choices[0]?.message.content).toBe("6.5774");
    expect(answer).toMatchObject({
      agentflow: { policy: expect.stringMatching(/^[0-9a-f]{64}$/), conversation: "none" },
    });
    expect((await client.models.list()).data.map(({ id }) => id)).toHaveLength(2);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(said.stdout.split("\n")).toHaveLength(2);
    expect(run).toMatch(/^\d{4}-/);
  });

  it("speaks the Model Context Protocol over stdin and stdout", { timeout: 600_000 }, async () => {
    const client = new Client({ name: "test", version: "1" });
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [...command, "--out", folder, "--mcp"],
        cwd: root,
        stderr: "ignore",
      }),
      { timeout: 300_000 },
    );
    const result = await client.callTool({ name: "solve", arguments: { question: QUESTION } }, { timeout: 300_000 });
    expect(result).toMatchObject({ content: [{ text: "6.5774" }, {}], structuredContent: { status: "solved" } });
    await client.close();
  });

  it.each([
    [["--host", "0.0.0.0"], {}, /^agentflow: 0\.0\.0\.0 is reached from other machines: .*--allow-host[^\n]*\n$/],
    [["--port", "0"], { AGENTFLOW_TOKEN: "short" }, /^agentflow: The token has 5 characters[^\n]*\n$/],
    [
      ["--learn", "--model", "openai:gpt-5-mini"],
      { OPENAI_API_KEY: "sk-none" },
      /^agentflow: A model behind an endpoint does not learn[^\n]*\n$/,
    ],
  ] as const)("refuses %j in one line", { timeout: 600_000 }, async (args, environment, words) => {
    const { said, ended } = started([...args, "--quiet"], { AGENTFLOW_DEBUG: "", ...environment });
    expect(await ended).toBe(2);
    expect(said.stderr).toMatch(words);
  });
});
