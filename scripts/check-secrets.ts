/**
 * R11: no secret in any artefact. Twenty canaries go in by the environment, by a server that repeats the key it was sent,
 * by tools that show or throw it; then every byte that was written is searched, plain and escaped, base64 and cut.
 *
 *   npm run check:secrets [-- --n 20 --seed 7]
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secretsOf } from "../src/cli/models.ts";
import { createFlow, type FlowEvent, random, randomKey, redactor, tool } from "../src/index.ts";
import { openaiCompatible, recordingModel, resilient } from "../src/models/index.ts";
import { createRun } from "../src/store/run-folder.ts";
import { openaiServer } from "../src/testing/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+/="\\ ~'];

/** In which forms a secret is looked for: those that are its own, whatever stands around it. */
const tracesOf = (secret: string): string[] => {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
    return encoded.slice(shift === 0 ? 0 : shift + 1, -4);
  });
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    ...base64,
    ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
  ];
};

const allFiles = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath ?? entry.path, entry.name)] : []));
};

export const check: Check = {
  name: "secrets",
  n: 20,
  brokenN: 3,
  run: async ({ n, seed, broken }) => {
    const draws = random(randomKey(seed, "secrets"));
    const folder = await mkdtemp(join(tmpdir(), "agentflow-secrets-"));
    const failures: string[] = [];
    try {
      for (let i = 0; i < n; i += 1) {
        const secret = `sk-${Array.from({ length: 12 + draws.below(30) }, () => draws.pick(letters)).join("")}`;
        const header = secret.replace(/[^\w-]/g, "x");
        const environment = { SOME_API_KEY: secret, OPENAI_API_KEY: header };
        const secrets = broken ? [] : secretsOf(environment);
        const server = await openaiServer({
          reply: ({ headers }) => `show ${String(headers.authorization)}`,
          fault: (k) => (k === 3 ? { kind: "status", status: 401 } : undefined),
        });
        const events: FlowEvent[] = [];
        const texts: string[] = [];
        const log = redactor(secrets).stream();
        try {
          const endpoint = openaiCompatible({ baseURL: server.baseURL, model: "double", apiKey: header });
          const model = resilient(recordingModel(endpoint, join(folder, `calls-${i}.jsonl`)), { attempts: 2 });
          const leak = (): string =>
            [
              secret,
              JSON.stringify({ secret }),
              encodeURIComponent(secret),
              Buffer.from(`Basic ${secret}`).toString("base64"),
              header,
            ].join(" ");
          const flow = createFlow({
            planner: ({ turn }) => ({
              step: { tool: turn % 2 === 0 ? "fail" : "show", subGoal: String(turn), raw: "" },
            }),
            generator: async (_, { abortSignal }) =>
              (await model.complete({ messages: [{ role: "user", content: "?" }], abortSignal })).text.slice(0, 4),
            tools: {
              show: tool<{ text: string }>({
                description: "Shows.",
                inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
                execute: () => ({ text: leak(), fields: { key: { kind: "text", value: secret } }, source: leak() }),
              }),
              fail: tool<{ text: string }>({
                description: "Fails.",
                inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
                execute: () => {
                  throw new Error(leak());
                },
              }),
            },
            secrets,
            budget: { turns: 4 },
          });
          const run = await createRun(folder, `run-${i}`, { seed });
          const result = await flow.solve("What is the key?", { onEvent: (event) => events.push(event) });
          run.appendTrajectory({ phase: "solve", trajectory: result.trajectory });
          await run.writeJson("events.json", { events });
          await run.close();
          // A log whose lines come in parts, as a stream gives them.
          for (const part of leak().match(/[\s\S]{1,5}/g) ?? []) texts.push(log.push(part));
          texts.push(log.end());
          await run.writeJson("log.json", { text: texts.join("") });
          const refused = await endpoint
            .complete({ messages: [{ role: "user", content: "?" }] })
            .catch((error: unknown) => String(error));
          await run.writeJson("error.json", { refused: typeof refused === "string" ? refused : "" });
        } finally {
          await server.close();
        }
        const traces = [...tracesOf(secret), ...tracesOf(header)];
        for (const file of await allFiles(folder)) {
          // What the double repeats of the key it was sent is the reply of a server that is malicious on purpose: in the recording alone.
          if (file.endsWith(`calls-${i}.jsonl`)) continue;
          const text = await readFile(file, "utf8");
          const found = traces.find((trace) => text.includes(trace));
          if (found !== undefined)
            failures.push(`${file.slice(folder.length + 1)} holds ${JSON.stringify(found.slice(0, 8))}…`);
        }
      }
      return {
        n,
        failed: failures.length,
        lines: [
          `${n} canaries, ${(await allFiles(folder)).length} files searched: ${failures.length} leaks`,
          ...failures.slice(0, 8),
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

await runAsScript(check, import.meta.url);
