import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ChatModel } from "agentflow";
import { agentServer } from "agentflow/server";
import { scriptedModel } from "agentflow/testing";
import { afterEach, describe, expect, it } from "vitest";
import {
  ask,
  chatBody,
  cityFlow,
  cityModel,
  closeServers,
  QUESTION,
  scratchFolder,
  serveForTest,
  slowModel,
  TOKEN,
} from "./serve-double.ts";

afterEach(closeServers);

const contentOf = async (response: Response): Promise<string | undefined> =>
  ((await response.json()) as { choices?: { message: { content: string } }[] }).choices?.[0]?.message.content;

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await wait(10);
};

describe("many at once", () => {
  it("240 chats at a time, half of them streamed, get their answers, and no others", { timeout: 600_000 }, async () => {
    const echo: ChatModel = {
      ...cityModel(),
      complete: async (request) => {
        await wait(20);
        const system = request.messages[0]?.content ?? "";
        const name = /"(city-\d+)"/.exec(request.messages.map(({ content }) => content).join(" "))?.[1] ?? "?";
        if (system.startsWith("You plan")) return { text: "look q1", promptTokens: 1, sampledTokens: 1 };
        if (system.startsWith("You write the input"))
          return { text: JSON.stringify({ query: name }), promptTokens: 1, sampledTokens: 1 };
        if (system.startsWith("You check")) return { text: "decision: stop", promptTokens: 1, sampledTokens: 1 };
        return { text: `<answer>${name} has 3</answer>`, promptTokens: 1, sampledTokens: 1 };
      },
    };
    const server = await serveForTest({ flows: { research: { flow: cityFlow(echo) } }, concurrency: 64 });
    const answers = await Promise.all(
      Array.from({ length: 240 }, async (_, i) => {
        const messages = [{ role: "user", content: `How many people live in "city-${i}"?` }];
        const stream = i % 2 === 0;
        const response = await ask(server, "/v1/chat/completions", { model: "research", messages, stream });
        if (!stream) return contentOf(response);
        return /"content":"(city[^"]*)"/.exec(await response.text())?.[1];
      }),
    );
    expect(answers).toEqual(answers.map((_, i) => `city-${i} has 3`));
  });

  it("more than may wait are refused with 429", async () => {
    const server = await serveForTest({
      flows: { research: { flow: cityFlow(slowModel(50)) } },
      concurrency: 1,
      waiting: 2,
    });
    const responses = await Promise.all(Array.from({ length: 6 }, () => ask(server, "/v1/chat/completions", chatBody)));
    const statuses = responses.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
    expect(responses.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("1");
  });
});

describe("a client that is gone", () => {
  it.each([false, true])("ends its solve (streamed: %s)", async (stream) => {
    let aborted = 0;
    const model = slowModel(60_000, () => {
      aborted += 1;
    });
    const server = await serveForTest({ flows: { research: { flow: cityFlow(model) } } });
    const leaving = new AbortController();
    const asked = ask(server, "/v1/chat/completions", { ...chatBody, stream }, { signal: leaving.signal });
    if (stream) await (await asked).body?.getReader().read();
    else await wait(200);
    leaving.abort();
    await asked.catch(() => undefined);
    await until(() => aborted === 1);
    const { running } = (await (await ask(server, "/healthz")).json()) as { running: number };
    expect(running).toBe(0);
  });

  it("ends it without a listener too, by cancelling the body", async () => {
    const seen = { called: 0, aborted: 0 };
    const slow = slowModel(60_000, () => {
      seen.aborted += 1;
    });
    const complete: typeof slow.complete = (request) => {
      seen.called += 1;
      return slow.complete(request);
    };
    const flow = cityFlow({ ...slow, complete });
    const server = await agentServer({ flows: { research: { flow } }, token: TOKEN, folder: scratchFolder() });
    const response = await server.fetch(
      new Request("http://localhost/v1/chat/completions", {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ ...chatBody, stream: true }),
      }),
    );
    const reader = response.body?.getReader();
    await reader?.read();
    await until(() => seen.called === 1);
    await reader?.cancel();
    await until(() => seen.aborted === 1);
    await server.close();
  });

  it("that never reads holds up nobody else", async () => {
    const server = await serveForTest({ concurrency: 2 });
    const body = JSON.stringify({ ...chatBody, stream: true });
    const { hostname, port } = new URL(server.url);
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), hostname);
      socket.pause();
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      return socket;
    });
    await wait(200);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => contentOf(await ask(server, "/v1/chat/completions", chatBody))),
    );
    expect(answers).toEqual(answers.map(() => "15 million"));
    for (const socket of sockets) socket.destroy();
  });
});

describe("the end of a server", () => {
  it("lets what is under way finish, and refuses what comes", async () => {
    const server = await serveForTest({ flows: { research: { flow: cityFlow(slowModel(150)) } } });
    const asked = ask(server, "/v1/chat/completions", chatBody);
    await wait(200);
    const closing = server.close({ graceSeconds: 30 });
    expect(await contentOf(await asked)).toBe("15 million");
    await closing;
    await expect(ask(server, "/healthz")).rejects.toThrow();
  });

  it("aborts what takes longer, and says so to who waits", async () => {
    let aborted = 0;
    const model = slowModel(60_000, () => {
      aborted += 1;
    });
    const flow = cityFlow(model);
    const server = await serveForTest({ flows: { research: { flow } } });
    const asked = ask(server, "/v1/chat/completions", chatBody);
    await wait(300);
    await server.close({ graceSeconds: 0.2 });
    expect(aborted).toBe(1);
    // Either words of the end, or a partial answer that says why there is no more.
    const text = await (await asked).text();
    expect(text).toMatch(/aborted|shutting down/);
  });
});

describe("what is kept", () => {
  it("is each answer with the version that gave it, in a run of the server's own", async () => {
    const folder = scratchFolder();
    const server = await serveForTest({ folder });
    await ask(server, "/v1/chat/completions", chatBody);
    await server.close();
    const [row] = readFileSync(join(folder, server.run, "trajectories.jsonl"), "utf8")
      .trim()
      .split("\n");
    expect(JSON.parse(row ?? "")).toMatchObject({
      phase: "serve",
      flow: "research",
      policy: null,
      arm: "serving",
      trajectory: { query: { question: QUESTION }, answer: "15 million" },
    });
  });

  it("/healthz says so when nothing can be kept any more", async () => {
    const folder = scratchFolder();
    const server = await serveForTest({ folder });
    expect((await ask(server, "/healthz")).status).toBe(200);
    rmSync(join(folder, server.run), { recursive: true });
    expect(existsSync(join(folder, server.run))).toBe(false);
    const response = await ask(server, "/healthz");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({
      status: "failing",
      checks: [
        { name: "disk", problem: expect.stringMatching(/ENOENT/) },
        { name: "solves", problem: null },
      ],
    });
  });

  it("/healthz says so when solves fail one after another, and when they work again", async () => {
    let works = false;
    const model = scriptedModel(({ messages: [system] }) => {
      if (!works) return new Error("The endpoint is down.");
      return system?.content.startsWith("You plan") ? "look q1" : "stop";
    });
    const server = await serveForTest({ flows: { research: { flow: cityFlow(model) } } });
    for (let i = 0; i < 3; i += 1) {
      expect((await ask(server, "/healthz")).status).toBe(200);
      const failed = await ask(server, "/v1/chat/completions", chatBody);
      expect([failed.status, await failed.json()]).toMatchObject([502, { error: { code: "solve_failed" } }]);
    }
    const response = await ask(server, "/healthz");
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining("The endpoint is down")]);
    works = true;
    await ask(server, "/v1/chat/completions", chatBody);
    expect((await ask(server, "/healthz")).status).toBe(200);
  });
});
