import { expect, it, vi } from "vitest";
import { type ChatModel, createFlow, tool } from "../index.ts";
import { loopTurns } from "./loop-turns.ts";

const block = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

const look = tool<{ readonly query: string }>({
  description: "Looks a place up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: ({ query }) => query,
});

it("runs what comes alone at once", () => {
  const ran: string[] = [];
  loopTurns()(() => ran.push("alone"));
  expect(ran).toEqual(["alone"]);
});

it("puts off what takes longer than a slice: in the order in which it came, with other work in between", async () => {
  const takeTurn = loopTurns();
  const ran: number[] = [];
  for (let i = 0; i < 10; i++)
    takeTurn(() => {
      ran.push(i);
      block(6);
    });
  expect(ran).toEqual([0]);
  const turns: number[] = [];
  while (ran.length < 10) {
    await new Promise((resume) => setImmediate(resume));
    turns.push(ran.length);
  }
  expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // No turn of the loop takes them all.
  expect(turns.length).toBeGreaterThan(2);
});

it("an abort ends a solve that waits for its turn, and no other", async () => {
  const leaving = new AbortController();
  let reply = (): void => undefined;
  const replied = new Promise<void>((resolve) => {
    reply = resolve;
  });
  // Both come to their second call at one moment, after a slice is used up.
  const model: ChatModel = {
    id: "replies to all at once",
    complete: async () => {
      await replied;
      block(6);
      return { text: "look it up", promptTokens: 1, sampledTokens: 1 };
    },
  };
  const flow = createFlow({ model, tools: { look }, budget: { turns: 1 } });
  const [stays, leaves] = [flow.solve("What stays?"), flow.solve("What leaves?", { abortSignal: leaving.signal })];
  reply();
  await replied;
  leaving.abort();
  expect((await leaves).stopReason).toBe("aborted");
  expect((await stays).stopReason).toBe("turn-limit");
});

it("goes by timers where there is no setImmediate, as in browsers", async () => {
  vi.stubGlobal("setImmediate", undefined);
  try {
    const takeTurn = loopTurns();
    const done: number[] = [];
    takeTurn(() => block(8));
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 6; i += 1) takeTurn(() => void (done.push(i) === 6 && resolve()));
    });
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
  } finally {
    vi.unstubAllGlobals();
  }
});
