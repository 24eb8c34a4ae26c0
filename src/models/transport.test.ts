import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ModelError } from "../errors.ts";
import { openaiCompatible, pooledTransport, resilient } from "./index.ts";

/** Answers one request on each connection, and closes it when it sees the second one. */
const served = new WeakMap<Socket, number>();
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  const earlier = served.get(request.socket) ?? 0;
  served.set(request.socket, earlier + 1);
  if (earlier > 0) return void request.socket.destroy();
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ choices: [{ message: { content: "fine" } }] }));
  });
});
let baseURL = "";
beforeAll(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const question = { messages: [{ role: "user" as const, content: "Hi" }] };

test("a request on a connection that the server closes is sent once, and says that it may be tried again", async () => {
  const model = openaiCompatible({ baseURL, model: "small", transport: pooledTransport({ connections: 1 }) });
  expect((await model.complete(question)).text).toBe("fine");
  requests = 0;
  const failed = await model.complete(question).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(ModelError);
  expect(failed).toMatchObject({ retryable: true });
  expect(requests).toBe(1);
});

test("the one layer that tries again sends it again", async () => {
  const retries: number[] = [];
  const model = resilient(
    openaiCompatible({ baseURL, model: "small", transport: pooledTransport({ connections: 1 }) }),
    {
      backOffSeconds: 0.001,
      onRetry: ({ attempt }) => retries.push(attempt),
    },
  );
  const texts = [await model.complete(question), await model.complete(question)].map(({ text }) => text);
  expect([texts, retries]).toEqual([["fine", "fine"], [1]]);
});
