import { describe, expect, it } from "vitest";
import { ConfigError, ModelError } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import { fixedClock } from "../testing/index.ts";
import { resilient } from "./index.ts";

const question = { messages: [{ role: "user" as const, content: "hello" }] };
const busy = (options: ConstructorParameters<typeof ModelError>[1] = {}): ModelError =>
  new ModelError("busy", { retryable: true, ...options });

/** A model whose n-th call (from 0) does what it is told. */
const model = (call: (n: number) => string | Error | Promise<string>): ChatModel & { readonly calls: number[] } => {
  const calls: number[] = [];
  return {
    id: "double",
    calls,
    complete: async () => {
      calls.push(performance.now());
      const said = await call(calls.length - 1);
      if (said instanceof Error) throw said;
      return { text: said, promptTokens: 10, sampledTokens: 10 };
    },
  };
};
const quick = { backOffSeconds: 0.001, random: () => 1 };

describe("the layer that tries again", () => {
  it("tries again after what may get better, and reports each try", async () => {
    const retries: number[] = [];
    const failing = model((n) => (n < 3 ? busy() : "fine"));
    const reply = await resilient(failing, { ...quick, onRetry: ({ attempt }) => retries.push(attempt) }).complete(
      question,
    );
    expect([reply.text, failing.calls.length, retries]).toEqual(["fine", 4, [1, 2, 3]]);
  });

  it("throws at once what will not get better", async () => {
    const refusing = model(() => new ModelError("wrong key", { status: 401 }));
    await expect(resilient(refusing, quick).complete(question)).rejects.toThrow("wrong key");
    expect(refusing.calls).toHaveLength(1);
  });

  it("gives up after so many tries, with the last reason", async () => {
    const failing = model((n) => busy({ status: 500 + n }));
    const given = resilient(failing, { ...quick, attempts: 3, openAfter: 9 }).complete(question);
    await expect(given).rejects.toMatchObject({ name: "ModelError", status: 502, message: /3 tries.*busy/ });
    expect(failing.calls).toHaveLength(3);
  });

  it("waits as long as it was asked to", async () => {
    const failing = model((n) => (n === 0 ? busy({ retryAfterSeconds: 0.05 }) : "fine"));
    await resilient(failing, { ...quick, random: () => 0 }).complete(question);
    expect((failing.calls[1] ?? 0) - (failing.calls[0] ?? 0)).toBeGreaterThan(45);
    // Longer than the deadline: there is nothing to wait for.
    const closed = model(() => busy({ retryAfterSeconds: 900 }));
    await expect(resilient(closed, quick).complete(question)).rejects.toThrow(ModelError);
    expect(closed.calls).toHaveLength(1);
  });

  it("does not wait for a call that hangs, nor for one that takes no notice of being aborted", async () => {
    const hanging = model((n) => (n === 0 ? new Promise<string>(() => undefined) : "fine"));
    expect((await resilient(hanging, { ...quick, attemptSeconds: 0.02 }).complete(question)).text).toBe("fine");
    const deaf = resilient(
      model(() => new Promise<string>(() => undefined)),
      { ...quick, deadlineSeconds: 0.05 },
    );
    await expect(deaf.complete(question)).rejects.toThrow(/is not answering/);
    const caller = new AbortController();
    const asking = deaf.complete({ ...question, abortSignal: caller.signal });
    caller.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });

  it("opens the circuit: calls wait, one probe a second goes out, and the first that succeeds lets all go on", async () => {
    let down = true;
    const endpoint = model(() => (down ? busy() : "fine"));
    const layer = resilient(endpoint, { ...quick, openAfter: 3, attempts: 100 });
    const started = performance.now();
    const calls = Array.from({ length: 20 }, () => layer.complete(question));
    await new Promise((wake) => setTimeout(wake, 1500));
    const whileDown = endpoint.calls.filter((at) => at - started > 200).length;
    expect(whileDown).toBeLessThanOrEqual(2);
    down = false;
    const replies = await Promise.all(calls);
    expect(replies.every(({ text }) => text === "fine")).toBe(true);
  });

  it("holds to calls at once and to requests a minute", async () => {
    let running = 0;
    let most = 0;
    const counting = model(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((wake) => setTimeout(wake, 5));
      running -= 1;
      return "fine";
    });
    const layer = resilient(counting, { concurrency: 3 });
    await Promise.all(Array.from({ length: 12 }, () => layer.complete(question)));
    expect(most).toBe(3);

    const clock = fixedClock();
    const limited = resilient(counting, { requestsPerMinute: 2, clock });
    await limited.complete(question);
    await limited.complete(question);
    let third = false;
    const waiting = limited.complete(question).then(() => {
      third = true;
    });
    await new Promise((wake) => setTimeout(wake, 20));
    expect(third).toBe(false);
    clock.advance(31_000);
    await waiting;
  });

  it("is one layer, and refuses limits that cannot work", () => {
    const once = resilient(model(() => "fine"));
    expect(resilient(once)).toBe(once);
    expect(() =>
      resilient(
        model(() => "fine"),
        { attempts: 0 },
      ),
    ).toThrow(ConfigError);
  });
});
