import { describe, expect, it } from "vitest";
import { scriptedPolicy } from "../testing/index.ts";
import { keepBest } from "./keep-best.ts";

/** A policy whose version is the number of steps that were published. */
const trainedFor = async (steps: number, name = "planner") => {
  const policy = scriptedPolicy(() => "", { name });
  for (let i = 0; i < steps; i += 1) await policy.publish();
  return policy;
};

describe("the best state on validation", () => {
  it("is nothing before the first validation", async () => {
    const best = keepBest([await trainedFor(0)], 40);
    expect([best.best, best.since, best.last]).toEqual([undefined, 0, undefined]);
    expect(await best.settle()).toBeUndefined();
  });

  it("is the newest of the best ones, and counts the validations since", async () => {
    const policy = await trainedFor(1);
    const best = keepBest([policy], 40);
    await best.offer(0, 0.5);
    expect([best.best?.step, best.since, best.last]).toEqual([0, 0, 0.5]);
    await best.offer(1, 0.4);
    await best.offer(2, 0.45);
    expect([best.best?.step, best.best?.accuracy, best.since, best.last]).toEqual([0, 0.5, 2, 0.45]);
    await best.offer(3, 0.5);
    expect([best.best?.step, best.since]).toEqual([3, 0]);
  });

  it("is gone back to when the last one is more than two standard errors below", async () => {
    const policies = [await trainedFor(1), await trainedFor(4, "verifier")];
    const best = keepBest(policies, 100);
    await best.offer(5, 0.8);
    for (const policy of policies) await policy.publish();
    await best.offer(6, 0.5);
    // 0.3 is more than 2·√((0.8·0.2 + 0.5·0.5) / 100) = 0.128.
    expect(await best.settle()).toBe(5);
    expect(policies.map(({ version }) => version)).toEqual(["version-1", "version-4"]);
  });

  it("is left alone when the difference may be chance", async () => {
    const policy = await trainedFor(1);
    const best = keepBest([policy], 10);
    await best.offer(5, 0.8);
    await policy.publish();
    await best.offer(6, 0.5);
    // With ten tasks 0.3 is less than 2·√(0.41 / 10) = 0.405.
    expect(await best.settle()).toBeUndefined();
    expect(policy.version).toBe("version-2");
  });

  it("goes on from what a resumed run kept", async () => {
    const policy = await trainedFor(7);
    const states = [await (await trainedFor(2)).exportState()];
    const best = keepBest([policy], 100, { best: { step: 1, accuracy: 0.9, states }, since: 3, last: 0.2 });
    expect([best.since, best.last]).toEqual([3, 0.2]);
    await best.offer(9, 0.3);
    expect(best.since).toBe(4);
    expect(await best.settle()).toBe(1);
    expect(policy.version).toBe("version-2");
  });
});
