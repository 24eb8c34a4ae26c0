/**
 * R11: no secret in any artefact. A key from a variable of any name, thirty variables that hold secrets and a number that is
 * one are echoed by a model, its endpoint, tools, pages and an MCP server, in every form; then every byte that was written
 * is searched, as it is and decoded: events, trajectories, recordings, experience, the index, errors, what the CLI prints.
 *
 *   npm run check:secrets [-- --n 20 --seed 7]
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import {
  createFlow,
  type FlowEvent,
  type FlowOptions,
  type Random,
  random,
  randomKey,
  ruleExecutor,
} from "../src/index.ts";
import { openaiCompatible, recordingModel, resilient } from "../src/models/index.ts";
import { secretsOf } from "../src/secrets/index.ts";
import { remoteModel } from "../src/setup/remote-model.ts";
import { openExperience } from "../src/store/experience.ts";
import { createRun } from "../src/store/run-folder.ts";
import { openTrajectoryIndex } from "../src/store/trajectory-index.ts";
import { scriptedPlanner } from "../src/testing/index.ts";
import { mcpTools, webPage } from "../src/tools/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import { type EchoServer, echoServer, echoTools, mcpProgram } from "./checks/echoes.ts";
import { tracesIn, writings } from "./checks/secret-traces.ts";

const root = join(import.meta.dirname, "..");
const alphanumeric = [..."abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"];
const any = [...alphanumeric, ...'-_+/="\\~&%'];

/** Names of variables as people choose them. */
const NAMES =
  `AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GITHUB_PAT GH_TOKEN NPM_AUTH PGPASSWORD MYSQL_PWD DB_PASS SMTP_PASSWD
  STRIPE_SK HF_TOKEN OPENAI_KEY openaiApiKey ANTHROPIC_API_KEY AZURE_KEY_1 API_KEY_V2 TWILIO_SID TWILIO_AUTH_TOKEN
  JWT_SIGNING SESSION_SECRET SECRET_KEY_BASE COOKIE_SIGNATURE ENCRYPTION_SALT GPG_PASSPHRASE VAULT_CREDENTIALS CLIENT_CERT
  BEARER REDIS_URL SENTRY_DSN STORAGE_CONNECTION_STRING`.split(/\s+/);

/** Where the key of the endpoint comes from: a name that says nothing. */
const KEY_FROM = "OUR_GATEWAY";

interface Canaries {
  readonly environment: Readonly<Record<string, string>>;
  /** All of them, as they are looked for. */
  readonly secrets: readonly string[];
  readonly key: string;
  readonly number: number;
}

const canariesOf = (draws: Random): Canaries => {
  const word = (letters: readonly string[], length: number): string =>
    Array.from({ length }, () => draws.pick(letters)).join("");
  const key = `gw-${word(alphanumeric, 30)}`;
  const number = 10 ** 9 + draws.below(8 * 10 ** 9);
  const values = NAMES.map((name): readonly [name: string, value: string, secret: string] => {
    const plain = `${word(alphanumeric, 16)}7x${word(alphanumeric, 8)}`;
    if (name.endsWith("_URL")) return [name, `redis://:${plain}@127.0.0.1:6379/0`, plain];
    if (name.endsWith("_DSN")) return [name, `https://${plain}@o1.ingest.example.org/2`, plain];
    if (name.endsWith("_STRING")) return [name, `AccountName=box;AccountKey=${plain};Suffix=example.org`, plain];
    const secret = `${word(alphanumeric, 6)}7x${word(any, 12 + draws.below(20))}${word(alphanumeric, 4)}`;
    return [name, secret, secret];
  });
  const named = Object.fromEntries(values.map(([name, value]) => [name, value]));
  return {
    environment: { ...named, SOME_PIN: String(number), [KEY_FROM]: key },
    secrets: [...values.map(([, , secret]) => secret), String(number), key],
    key,
    number,
  };
};

/** A few of the secrets after each other, each time others and in other forms. */
const echoing = ({ secrets }: Canaries): (() => string) => {
  let said = 0;
  return () =>
    Array.from({ length: 3 }, () => {
      said += 1;
      const [, write] = writings[(said * 7) % writings.length] ?? writings[0] ?? ["", String];
      return write(secrets[said % secrets.length] ?? "");
    }).join(" ");
};

/** Writes down whatever an error shows to who looks at it. */
const wordsOf = (error: unknown): string =>
  [String(error), error instanceof Error ? error.stack : "", inspect(error, { depth: 12, showHidden: true })].join(
    "\n",
  );

/** One trial: all who echo, and everything that is kept of it, in a folder. */
const trial = async (folder: string, canaries: Canaries, server: EchoServer, broken: boolean): Promise<void> => {
  const { environment, key, number } = canaries;
  const echo = echoing(canaries);
  const known = broken ? {} : environment;
  const secrets = secretsOf(known);
  const settings = { model: "double" };
  const named = { ...settings, baseURL: `${server.origin}/model/v1`, keyFrom: KEY_FROM };
  const remote = await remoteModel(named, { ...known, [KEY_FROM]: key });
  if (remote === undefined) throw new Error("The double is not a model.");
  const model = recordingModel(remote.model, join(folder, "calls.jsonl"));
  const mcp = await mcpTools({
    command: process.execPath,
    args: ["--input-type=module", "--eval", mcpProgram],
    env: { ECHO: Array.from({ length: 8 }, echo).join(" "), SERVICE_ACCESS: key },
    cwd: root,
  });
  const experience = await openExperience(join(folder, "experience"));
  const run = await createRun(folder, "run", { command: "check" });
  const got: string[] = [];
  try {
    const tools = {
      ...echoTools(echo, number, got),
      ...mcp.tools,
      web_page: webPage({ dangerouslyAllowPrivateAddresses: true }) as unknown as FlowOptions["tools"][string],
    };
    const shared: FlowOptions = {
      model,
      tools,
      secrets: broken ? [] : [...secrets, key],
      experience: { store: experience, source: "check" },
      loopDetectors: [],
      budget: { turns: 4 },
    };
    const calls = Object.keys(tools).map((name) =>
      name === "web_page" ? `web_page {"url":"${server.origin}/page"}` : `${name} {"text":"x"}`,
    );
    // What is to be sent away: in words, in an address, in pieces that an executor would put together.
    const away = writings.slice(0, 6).map(([, write]) => `show {"text":${JSON.stringify(`take ${write(key)}`)}}`);
    const script = [...calls, ...away, `web_page {"url":"${server.origin}/page?k=${encodeURIComponent(key)}"}`];
    const solves: readonly (readonly [string, Partial<FlowOptions>])[] = [
      ["model", {}],
      [
        "tools",
        {
          planner: scriptedPlanner(script),
          budget: { turns: script.length },
          toolApproval: () => true,
          verifier: { admit: () => undefined, judge: () => ({ decision: "continue", reason: echo() }) },
          executor: ruleExecutor(),
        },
      ],
      ["refused", { model: openaiCompatible({ ...settings, baseURL: `${server.origin}/400/v1`, apiKey: key }) }],
      [
        "busy",
        {
          model: resilient(openaiCompatible({ ...settings, baseURL: `${server.origin}/500/v1`, apiKey: key }), {
            attempts: 2,
            backOffSeconds: 0.01,
          }),
        },
      ],
    ];
    for (const [id, { model: other = model, ...changes }] of solves) {
      const events: FlowEvent[] = [];
      const flow = createFlow({ ...shared, ...changes, model: other });
      const result = await flow.solve(`What is ${echo()}?`, { id, onEvent: (event) => events.push(event) });
      run.appendTrajectory({ phase: "solve", trajectory: result.trajectory, usage: result.usage });
      await run.writeJson(`events-${id}.json`, { events });
      if (result.status === "failed") await writeFile(join(folder, `error-${id}.txt`), wordsOf(result.error));
    }
    for (const status of [400, 401, 403, 429, 500]) {
      const baseURL = `${server.origin}/${status}/v1`;
      const endpoint = openaiCompatible({ baseURL, model: "double", apiKey: key, secrets });
      const thrown: unknown = await endpoint
        .complete({ messages: [{ role: "user", content: "?" }], onText: () => undefined })
        .catch((error: unknown) => error);
      await writeFile(join(folder, `error-${status}.txt`), wordsOf(thrown));
    }
    await writeFile(join(folder, "got.json"), JSON.stringify([got, server.asked]));
  } finally {
    await run.close();
    await experience.close();
    await mcp.close();
  }
  (await openTrajectoryIndex(run)).close();
};

/** The command line with all of it in its environment; what it prints is kept in files of the folder. */
const commandLine = async (
  folder: string,
  { environment, number }: Canaries,
  { origin }: EchoServer,
): Promise<void> => {
  const config = (mode: string): string => `
    import { defineConfig, tool } from "agentflow";
    const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
    const all = ${JSON.stringify([...NAMES, KEY_FROM])}.map((name) => process.env[name]).join(" ");
    const check = async () => { throw new Error(all); };
    export default defineConfig({
      model: { baseURL: "${origin}/${mode}/v1", model: "double", keyFrom: "${KEY_FROM}" },
      budget: { turns: 2 },
      experience: "remembered",
      tools: { show: tool({ description: all, inputSchema, check, execute: () => ({ text: all, fields: { n: { kind: "number", value: ${number} } } }) }) },
    });`;
  for (const mode of ["model", "401"]) await writeFile(join(folder, `${mode}.config.ts`), config(mode));
  const key = environment[KEY_FROM] ?? "";
  const commands = [
    ["solve", `What is ${key}?`, "--config", "model.config.ts", "--out", "runs"],
    ["solve", `What is ${encodeURIComponent(key)}?`, "--config", "model.config.ts", "--json"],
    ["solve", "What?", "--config", "401.config.ts"],
    ["doctor", "--config", "401.config.ts"],
    ["doctor", "--config", "model.config.ts", "--json"],
  ];
  for (const [i, args] of commands.entries()) {
    const child = spawn(
      process.execPath,
      ["--import", join(root, "node_modules/tsx/dist/loader.mjs"), join(root, "src/cli/main.ts"), ...args],
      {
        cwd: folder,
        env: { ...environment, PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: "1", AGENTFLOW_DEBUG: "1" },
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let printed = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
    await new Promise((ended) => child.on("close", ended));
    if (!/solve|doctor|answer|role|double/i.test(printed)) throw new Error(`agentflow ${args[0]} printed: ${printed}`);
    await writeFile(join(folder, `printed-${i}.txt`), printed);
  }
  for (const mode of ["model", "401"]) await rm(join(folder, `${mode}.config.ts`));
};

const allFiles = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath ?? entry.path, entry.name)] : []));
};

export const check: Check = {
  name: "secrets",
  n: 20,
  brokenN: 1,
  run: async ({ n, seed, broken }) => {
    const draws = random(randomKey(seed, "secrets"));
    const folder = await mkdtemp(join(tmpdir(), "agentflow-secrets-"));
    const failures: string[] = [];
    let [files, bytes] = [0, 0];
    try {
      for (let i = 0; i < n; i += 1) {
        const canaries = canariesOf(draws);
        const own = join(folder, String(i));
        await mkdir(own);
        const server = await echoServer(echoing(canaries));
        try {
          await trial(own, canaries, server, broken);
          // Starting the command takes seconds, and it prints what the flow gives it.
          if (i % 10 === 0 && !broken) await commandLine(own, canaries, server);
        } finally {
          await server.close();
        }
        for (const file of await allFiles(own)) {
          const content = await readFile(file);
          files += 1;
          bytes += content.length;
          const found = tracesIn(content.toString("utf8"), canaries.secrets);
          if (found.length > 0)
            failures.push(`${file.slice(folder.length + 1)} holds ${found.length}, such as ${found[0]?.slice(0, 8)}…`);
        }
        await rm(own, { recursive: true });
      }
      return {
        n,
        failed: failures.length,
        lines: [
          `${n} trials of ${NAMES.length + 2} secrets in ${writings.length} forms: ${files} files of ${(bytes / 2 ** 20).toFixed(1)} MiB searched, ${failures.length} leak`,
          ...failures.slice(0, 8),
        ],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

await runAsScript(check, import.meta.url);
