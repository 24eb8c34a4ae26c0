/**
 * Endpoints talk in many dialects and fail in many ways. Each row of the table is one, against a server on loopback: the
 * text, the tokens that were paid for, the error in the endpoint's own words, and how many requests it took.
 * More trials than rows send the same bytes in other pieces.
 *
 *   npm run check:endpoints [-- --n 400 --seed 7]
 */
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ChatModel, type ChatReply, type ChatRequest, metered, random, randomKey } from "../src/index.ts";
import { openaiCompatible, resilient } from "../src/models/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";
import type { Dialect, Sent } from "./checks/endpoints/dialect.ts";
import { refusals } from "./checks/endpoints/refusals.ts";
import { replies } from "./checks/endpoints/replies.ts";

const table: readonly Dialect[] = [...replies, ...refusals];
const QUESTION = "Capital of Ghana?";
const schema = { type: "object", properties: { city: { type: "string" } } };

/** A server that talks as one row says; `pieces` cuts what it sends. */
const serve = async (row: Dialect, pieces: (bytes: Buffer) => Buffer[]) => {
  let requests = 0;
  let answers = 0;
  const send = async (response: ServerResponse, sent: Sent): Promise<void> => {
    response.writeHead(sent.status ?? 200, { "content-type": sent.type ?? "application/json", ...sent.headers });
    for (const bytes of pieces(Buffer.from(sent.body))) {
      response.write(bytes);
      await new Promise((resume) => setImmediate(resume));
    }
    if (sent.cut === true) response.destroy();
    else response.end();
  };
  const server = createServer(async (incoming, response) => {
    let text = "";
    for await (const chunk of incoming) text += String(chunk);
    const body = JSON.parse(text) as Readonly<Record<string, unknown>>;
    requests += 1;
    const refused = row.refuses?.find(({ field, when }) => field in body && (when?.(body[field]) ?? true));
    if (refused !== undefined)
      return send(response, { status: refused.status ?? 400, body: JSON.stringify(refused.body) });
    const sent = row.replies[Math.min(answers, row.replies.length - 1)];
    answers += 1;
    if (sent !== undefined) await send(response, sent);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests: () => requests,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

/** Knows one dialect: the text at one place, and an empty one where there is none. */
const naive = (baseURL: string): ChatModel => ({
  id: "naive",
  complete: async ({ messages, maxTokens = 1024, onText }): Promise<ChatReply> => {
    const body = JSON.stringify({ model: "double", messages, max_tokens: maxTokens, stream: onText !== undefined });
    const reply = await fetch(`${baseURL}/chat/completions`, { method: "POST", body });
    const { choices, usage } = JSON.parse(await reply.text()) as {
      readonly choices?: readonly { readonly message?: { readonly content?: string } }[];
      readonly usage?: { readonly prompt_tokens?: number; readonly completion_tokens?: number };
    };
    return {
      text: choices?.[0]?.message?.content ?? "",
      promptTokens: usage?.prompt_tokens ?? 0,
      sampledTokens: usage?.completion_tokens ?? 0,
    };
  },
});

const requestOf = ({ asks = {}, streams = false }: Dialect, onText: (delta: string) => void): ChatRequest => {
  const { seed, json, tools, ...rest } = asks;
  return {
    messages: [
      { role: "system", content: "Be brief, please." },
      { role: "user", content: QUESTION.slice(0, 15) },
    ],
    ...rest,
    ...(seed === undefined ? {} : { randomKey: randomKey("endpoints", seed) }),
    ...(json === true ? { grammar: { type: "json", schema } } : {}),
    ...(tools === true ? { tools: [{ name: "look", description: "Looks.", parameters: schema }] } : {}),
    ...(streams ? { onText } : {}),
  };
};

/** What is wrong with a row; undefined when nothing is. */
const faultOf = async (
  row: Dialect,
  broken: boolean,
  pieces: (bytes: Buffer) => Buffer[],
): Promise<string | undefined> => {
  const server = await serve(row, pieces);
  const spent = { prompt: 0, sampled: 0, cached: 0 };
  const meter = {
    charge: ({ promptTokens = 0, sampledTokens = 0, cachedTokens = 0 }) => {
      spent.prompt += promptTokens;
      spent.sampled += sampledTokens;
      spent.cached += cachedTokens;
    },
    check: () => undefined,
  };
  const endpoint = broken ? naive(server.baseURL) : openaiCompatible({ baseURL: server.baseURL, model: "double" });
  const model = metered(resilient(endpoint, { attempts: 3, backOffSeconds: 0.001, openAfter: 100 }), meter);
  const { right } = row;
  let streamed = "";
  try {
    const outcome = await model
      .complete(
        requestOf(row, (delta) => {
          streamed += delta;
        }),
      )
      .then(
        ({ text }) => ({ text }),
        (error: Error & { readonly cause?: unknown }) => ({ error }),
      );
    if ("text" in right) {
      if ("error" in outcome) return `threw ${JSON.stringify(outcome.error.message)}`;
      if (outcome.text !== right.text) return `says ${JSON.stringify(outcome.text)}`;
      if (row.streams === true && streamed !== right.text) return `streamed ${JSON.stringify(streamed)}`;
      if (right.cached !== undefined && right.cached !== spent.cached) return `counts ${spent.cached} cached tokens`;
    } else {
      if (!("error" in outcome)) return `says ${JSON.stringify(outcome.text)}`;
      if (outcome.error.name !== "ModelError") return `threw ${outcome.error.name}: ${outcome.error.message}`;
      if (!right.error.test(outcome.error.message)) return `threw ${JSON.stringify(outcome.error.message)}`;
      const triedAgain =
        server.requests() > 1 && row.refuses === undefined && !/length|More was/.test(outcome.error.message);
      if (right.retryable !== undefined && right.retryable !== triedAgain)
        return "was tried again in vain, or not at all";
    }
    const [prompt, sampled] = right.usage ?? [0, 0];
    if (spent.prompt !== prompt || spent.sampled !== sampled)
      return `counts ${spent.prompt} and ${spent.sampled} tokens, not ${prompt} and ${sampled}`;
    return server.requests() === row.requests ? undefined : `took ${server.requests()} requests, not ${row.requests}`;
  } finally {
    server.close();
  }
};

export const check: Check = {
  name: "endpoints",
  n: 3 * table.length,
  brokenN: table.length,
  run: async ({ n, seed, broken }) => {
    const lines: string[] = [];
    for (let trial = 0; trial < n; trial += 1) {
      const row = table[trial % table.length];
      if (row === undefined) continue;
      const { next } = random(randomKey(seed, "pieces", trial));
      const pieces = (bytes: Buffer): Buffer[] => {
        if (trial < table.length) return bytes.length === 0 ? [] : [bytes];
        const cuts = [0, ...Array.from({ length: 6 }, () => Math.floor(next() * bytes.length)), bytes.length];
        cuts.sort((a, b) => a - b);
        return cuts
          .slice(1)
          .map((to, i) => bytes.subarray(cuts[i], to))
          .filter(({ length }) => length > 0);
      };
      const fault = await faultOf(row, broken, pieces);
      if (fault !== undefined) lines.push(`${row.name}: ${fault}`);
    }
    const failed = lines.length;
    lines.push(`${table.length} dialects and faults, ${n} trials: ${failed} wrong`);
    return { n, failed, lines };
  },
};

await runAsScript(check, import.meta.url);
