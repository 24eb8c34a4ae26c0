import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { openaiServer } from "../../src/testing/index.ts";
import type { Job } from "./cli-driver.ts";

/** A way by which what an outsider wrote can come to the terminal. */
export interface Exit extends Job {
  readonly name: string;
  /** Its stdout is one line of JSON, in which the text stands unchanged. */
  readonly json?: boolean;
  /** It writes a text of several lines, and nothing else: no line of it can pose as another's. */
  readonly lines?: boolean;
}

/** A place in which everything says one text: the models, the tools, the files, the names. */
export interface HostilePlace {
  readonly exits: readonly Exit[];
  close(): Promise<void>;
}

/** File names hold neither of these, and no half letters. */
const asName = (text: string): string => text.replace(/[\0/]|\p{Cs}/gu, "");

/** Plays all roles, and says `text` in each; the planner takes the tool that the question asks for. */
const rolesSaying =
  (text: string) =>
  ({ body }: { readonly body: { readonly messages?: readonly { readonly content: unknown }[] } }): string => {
    const system = String(body.messages?.[0]?.content ?? "");
    const all = JSON.stringify(body.messages);
    if (/input of a tool/i.test(system))
      return JSON.stringify({ query: text, nested: { [text]: [text, { deep: text }] } });
    if (/answer a question from results/i.test(system))
      return system.includes("<answer>") ? `${text}\n<answer>${text}</answer>` : text;
    if (/decision/i.test(system)) return `Execution: ${text}\nMemory: ${text}\nDecision: stop`;
    if (/Reply with the one word/.test(all)) return text;
    return `${/please (\w+)/.exec(all)?.[1] ?? "look"} ${text}`;
  };

const configSaying = (text: string, baseURL: string): string => `
import { Worker } from "node:worker_threads";
const text = ${JSON.stringify(text)};
const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const answer = { text: text + "\\n" + text, source: text, trust: "untrusted", fields: { value: { kind: "text", value: text, unit: text, label: text } } };
const fail = () => { throw new Error(text, { cause: new Error(text) }); };
export default {
  model: { baseURL: ${JSON.stringify(baseURL)}, model: text },
  tools: {
    look: { description: text, inputSchema, execute: () => answer, check: async () => text },
    fail: { description: text, inputSchema, execute: fail, check: fail },
    noisy: { description: text, inputSchema, execute: async () => {
      console.log(text); console.error(text); process.stdout.write(text); process.stderr.write(Buffer.from(text + "\\n"));
      process.emitWarning(text);
      const worker = new Worker("console.log(require('node:worker_threads').workerData)", { eval: true, workerData: text });
      await new Promise((ended) => worker.on("exit", ended));
      return answer;
    } },
    publish: { description: text, needsApproval: true, inputSchema, execute: (input) => ({ ...answer, text: "published " + JSON.stringify(input) }) },
  },
};
`;

/** An endpoint that refuses everything with the text. */
const refusing = async (text: string): Promise<{ readonly baseURL: string; close(): Promise<void> }> => {
  const server = createServer((_, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: text, message: text }));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
};

/** A stored solve in which every text is the text. */
const storedSolve = (text: string): object => ({
  schemaVersion: 1,
  phase: "solve",
  usage: {
    turns: 2,
    calls: 2,
    promptTokens: 1,
    cachedTokens: 0,
    sampledTokens: 1,
    dollars: 0,
    toolDollars: 0,
    seconds: 1,
  },
  trajectory: {
    schemaVersion: 1,
    id: "solve",
    query: { id: "solve", question: text },
    analysis: { entities: [text], unit: text, template: text },
    memory: [
      {
        index: 1,
        step: { tool: text, subGoal: text, raw: text },
        call: { tool: text, input: { [text]: { [text]: text } } },
        observation: { status: "ok", text, fields: {}, source: text, trust: "untrusted" },
        verdict: { decision: "continue", reason: text, executionAnalysis: text, memoryAnalysis: text },
        turnsLeft: 1,
      },
      {
        index: 2,
        step: { tool: "", subGoal: "", raw: text },
        observation: { status: "failed", error: text, reason: "tool-error" },
        verdict: { decision: "stop", reason: text },
        turnsLeft: 0,
      },
    ],
    turns: [],
    status: "solved",
    stopReason: "answered",
    answer: text,
    solution: text,
  },
});

/** Puts a place together in a folder, which is made. */
export const hostilePlace = async (text: string, folder: string): Promise<HostilePlace> => {
  const place = (...parts: string[]): string => join(folder, ...parts);
  const write = (path: string, content: string): string => {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, content);
    return path;
  };
  const json = (path: string, value: unknown): string => write(path, `${JSON.stringify(value)}\n`);
  const name = asName(text);
  const server = await openaiServer({ reply: rolesSaying(text) });
  const refuser = await refusing(text);
  const config = write(place("agentflow.config.mjs"), configSaying(text, server.baseURL));
  const broken = write(
    place("broken.config.mjs"),
    `throw new Error(${JSON.stringify(text)}, { cause: new Error(${JSON.stringify(text)}) });`,
  );
  const refused = write(place("refused.config.mjs"), configSaying(text, `${refuser.baseURL}/v1`));
  const named = write(place("named.config.mjs"), `export default { tools: { [${JSON.stringify(text)}]: {} } };`);
  const misspelt = write(place("misspelt.config.mjs"), `export default { [${JSON.stringify(text)}]: 1 };`);
  const runs = place("runs");
  const run = join(runs, "plain");
  json(join(run, "config.json"), { schemaVersion: 1, config: { command: text, question: text, seed: 7 } });
  json(join(run, "trajectories.jsonl"), storedSolve(text));
  const odd = place("odd");
  json(join(odd, name, "config.json"), { schemaVersion: 1, config: {} });
  const tasks = write(
    place("tasks.jsonl"),
    [text, `again ${text}`].map((said) => JSON.stringify({ question: said, answer: text, family: said })).join("\n"),
  );
  const badTasks = write(place("bad.jsonl"), `{"question": ${text}\n`);
  const badReport = write(place("report.json"), text);
  const experience = place("experience");
  json(join(experience, "experience.jsonl"), {
    id: "1",
    question: text,
    template: text,
    shape: text,
    source: text,
    plan: [{ tool: text, subGoal: text, failed: false }],
    answer: text,
    reward: 1,
  });
  const ask = (question: string, ...more: string[]): string[] => [
    "solve",
    question,
    "--config",
    config,
    "--no-store",
    ...more,
  ];
  // SQLite ends a text at a zero, and holds no half letters.
  const inSql = !/\0|\p{Cs}/u.test(text);
  const debug = { AGENTFLOW_DEBUG: "1" };
  const exits: Exit[] = [
    { name: "solve", args: ask(text) },
    { name: "solve in a terminal", args: ask(text), terminal: true },
    { name: "solve in a terminal without colour", args: ask(text), terminal: true, environment: { NO_COLOR: "1" } },
    { name: "solve --json", args: ask(text, "--json"), json: true },
    { name: "solve --json in a terminal", args: ask(text, "--json"), json: true, terminal: true },
    { name: "solve --quiet", args: ask(text, "--quiet"), lines: true },
    { name: "solve, failing tool", args: ask("please fail") },
    { name: "solve, failing tool, debug", args: ask("please fail"), environment: debug },
    { name: "solve, unknown tool", args: ask("please nothing") },
    { name: "solve, tool that writes to the streams", args: ask("please noisy"), lines: true },
    {
      name: "solve --json, tool that writes to the streams",
      args: ask("please noisy", "--json"),
      json: true,
      lines: true,
    },
    { name: "solve --approve, yes", args: ask("please publish", "--approve"), terminal: true, typed: ["y"] },
    { name: "solve --approve, no", args: ask("please publish", "--approve"), terminal: true, typed: ["n"] },
    {
      name: "solve --approve --json",
      args: ask("please publish", "--approve", "--json"),
      terminal: true,
      typed: ["y"],
      json: true,
    },
    {
      name: "solve --approve --quiet",
      args: ask("please publish", "--approve", "--quiet"),
      terminal: true,
      typed: ["y"],
      lines: true,
    },
    { name: "solve --approve, no terminal", args: ask("please publish", "--approve") },
    { name: "solve, endpoint that refuses", args: ["solve", text, "--config", refused, "--no-store"] },
    {
      name: "solve, endpoint that refuses, debug",
      args: ["solve", text, "--config", refused, "--no-store"],
      environment: debug,
    },
    { name: "solve --model", args: ["solve", "?", "--model", text, "--no-store"] },
    { name: "solve --policy", args: ["solve", "?", "--policy", text, "--no-store"] },
    { name: "solve --tools, unknown", args: ask("?", "--tools", `no ${text}`) },
    { name: "solve --budget", args: ask("?", "--budget", `${text}=1`) },
    {
      name: "model of the environment",
      args: ["solve", "?", "--no-store"],
      environment: { AGENTFLOW_MODEL: text.replaceAll("\0", "") },
    },
    { name: "config that throws", args: ["solve", "?", "--config", broken] },
    { name: "config that throws, debug", args: ["solve", "?", "--config", broken], environment: debug },
    { name: "config with an unknown key", args: ["solve", "?", "--config", misspelt] },
    { name: "config with a tool of that name", args: ["solve", "?", "--config", named, "--no-store"] },
    { name: "no such config", args: ["solve", "?", "--config", text] },
    { name: "unknown command", args: [text] },
    { name: "unknown option", args: ["learn", `--${text}`] },
    { name: "bad number", args: ["learn", "--steps", text] },
    { name: "bad choice", args: ["eval", "test", "--format", text] },
    { name: "solve --replay", args: ["solve", "--replay", run] },
    { name: "solve --replay in a terminal", args: ["solve", "--replay", run], terminal: true },
    { name: "solve --replay --json", args: ["solve", "--replay", run, "--json"], json: true },
    { name: "solve --replay, no such run", args: ["solve", "--replay", text] },
    { name: "runs list", args: ["runs", "list", "--out", runs] },
    { name: "runs list --json", args: ["runs", "list", "--out", runs, "--json"], json: true },
    { name: "runs list, odd name", args: ["runs", "list", "--out", odd] },
    { name: "runs list, no runs", args: ["runs", "list", "--out", text] },
    { name: "runs show", args: ["runs", "show", run] },
    { name: "runs show --json", args: ["runs", "show", run, "--json"], json: true },
    { name: "runs query, rows", args: ["runs", "query", run, "SELECT question, answer FROM trajectories"] },
    {
      name: "runs query, rows in a terminal",
      args: ["runs", "query", run, "SELECT question, answer FROM trajectories"],
      terminal: true,
    },
    {
      name: "runs query --json",
      args: ["runs", "query", run, "SELECT question, answer FROM trajectories", "--json"],
      json: inSql,
    },
    {
      name: "runs query, names of columns",
      args: ["runs", "query", run, `SELECT 1 AS "${text.replaceAll('"', "").replaceAll("\0", "")}"`],
    },
    {
      name: "runs query, bad SQL",
      args: ["runs", "query", run, `SELECT [${text.replaceAll("\0", "").replaceAll("]", "")}] FROM trajectories`],
    },
    {
      name: "runs query, bad SQL, debug",
      args: ["runs", "query", run, `SELECT [${text.replaceAll("\0", "").replaceAll("]", "")}] FROM trajectories`],
      environment: debug,
    },
    { name: "runs verify", args: ["runs", "verify", text] },
    { name: "runs fork", args: ["runs", "fork", text] },
    { name: "experience list", args: ["experience", "list", experience] },
    { name: "experience list in a terminal", args: ["experience", "list", experience], terminal: true },
    { name: "experience list --json", args: ["experience", "list", experience, "--json"], json: true },
    { name: "eval", args: ["eval", tasks, "--config", config, "--tools", "look"] },
    { name: "eval --json", args: ["eval", tasks, "--config", config, "--json"], json: true },
    { name: "eval, no such set", args: ["eval", text] },
    { name: "eval, bad tasks", args: ["eval", badTasks, "--config", config] },
    { name: "eval --against, bad report", args: ["eval", tasks, "--config", config, "--against", badReport] },
    { name: "model list", args: ["model", "list"], environment: { AGENTFLOW_CACHE: join(folder, name) } },
    { name: "model pull, bad name", args: ["model", "pull", text] },
    {
      name: "model pull, hub that refuses",
      args: ["model", "pull", `owner/name@${text}`],
      environment: { HF_ENDPOINT: refuser.baseURL, AGENTFLOW_CACHE: place("cache") },
    },
    { name: "model remove", args: ["model", "remove", text], environment: { AGENTFLOW_CACHE: place("cache") } },
    { name: "model score", args: ["model", "score", text, "--in", "-"] },
    { name: "export", args: ["export", text, "--format", "peft", "--out", place("out")] },
    { name: "init", args: ["init", place("project", name)] },
    { name: "init --json", args: ["init", place("project json", name), "--json"], json: name === text },
    { name: "init, taken", args: ["init", place("project", name)] },
    { name: "learn --check", args: ["learn", "--check", "--config", broken] },
    { name: "learn --check --json", args: ["learn", "--check", "--json", "--config", misspelt] },
    { name: "learn --resume", args: ["learn", "--resume", text] },
  ];
  return {
    exits,
    close: async () => {
      await server.close();
      await refuser.close();
    },
  };
};
