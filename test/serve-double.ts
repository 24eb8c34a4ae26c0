import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChatModel, createFlow, type Flow, tool } from "agentflow";
import { type ListeningServer, type ListenOptions, listen } from "agentflow/server";
import { scriptedModel } from "agentflow/testing";

export const TOKEN = "a-token-for-tests-0123456789";
export const QUESTION = 'How many people live in "Lagos"?';

const look = tool<{ query: string }>({
  description: "Looks a place up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: ({ query }) => ({ text: query, fields: { value: { kind: "number", value: 3, unit: "person" } } }),
});

/** A model that plays all modules: one look, one verdict, one answer. It keeps every request. */
export const cityModel = (answer = "15 million") =>
  scriptedModel(({ messages }) => {
    const system = messages[0]?.content ?? "";
    if (system.startsWith("You plan")) return "look q1";
    if (system.startsWith("You write the input")) return '{"query": "Lagos"}';
    if (system.startsWith("You check")) return "decision: stop, it is there";
    return `<answer>${answer}</answer>`;
  });

/** The same, after a while that an abort ends. */
export const slowModel = (milliseconds: number, aborted: () => void = () => undefined): ChatModel => {
  const model = cityModel();
  return {
    ...model,
    complete: async (request) => {
      await new Promise<void>((done, reject) => {
        const timer = setTimeout(done, milliseconds);
        request.abortSignal?.addEventListener("abort", () => {
          clearTimeout(timer);
          aborted();
          reject(request.abortSignal?.reason);
        });
      });
      return model.complete(request);
    },
  };
};

export const cityFlow = (model: ChatModel = cityModel()): Flow => createFlow({ model, tools: { look } });

const folders: string[] = [];
const servers: ListeningServer[] = [];

export const scratchFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-serve-"));
  folders.push(folder);
  return folder;
};

/** A server on a free port, with a folder of its own. */
export const serveForTest = async (options: Partial<ListenOptions> = {}): Promise<ListeningServer> => {
  const server = await listen({
    flows: { research: { flow: cityFlow() } },
    token: TOKEN,
    folder: scratchFolder(),
    port: 0,
    ...options,
  });
  servers.push(server);
  return server;
};

export const closeServers = async (): Promise<void> => {
  for (const server of servers.splice(0)) await server.close({ graceSeconds: 0 });
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
};

/** A request as curl would send it. */
export const ask = (server: ListeningServer, path: string, body?: object, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, {
    ...(body && { method: "POST", body: JSON.stringify(body) }),
    ...init,
    headers: { authorization: `Bearer ${TOKEN}`, ...(body && { "content-type": "application/json" }), ...init.headers },
  });

export const chatBody = { model: "research", messages: [{ role: "user", content: QUESTION }] };
