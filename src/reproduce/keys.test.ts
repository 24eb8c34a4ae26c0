import { describe, expect, it } from "vitest";
import type { Arm } from "./arm.ts";
import { arms } from "./arms/all.ts";
import { claims } from "./claims/all.ts";
import { codeHash, type Ground, keyOf, modelHash } from "./keys.ts";
import { usualSizes } from "./options.ts";
import { forecaster, jobsOf } from "./schedule.ts";

const ground: Ground = { code: "c", model: "m", world: "w", steps: 100, sizes: usualSizes };
const training = arms["train flow-grpo"] as Arm;

describe("the key of an arm", () => {
  const key = keyOf(arms, "flow-grpo", 7, ground);

  it("is another one for whatever the result depends on", () => {
    const others = [
      keyOf(arms, "flow-grpo", 8, ground),
      keyOf(arms, "untrained", 7, ground),
      ...(["code", "model", "world"] as const).map((part) =>
        keyOf(arms, "flow-grpo", 7, { ...ground, [part]: "other" }),
      ),
      keyOf(arms, "flow-grpo", 7, { ...ground, steps: 101 }),
      keyOf(arms, "flow-grpo", 7, { ...ground, sizes: { ...usualSizes, heldOutPages: 1 } }),
      // What it needs has changed.
      keyOf({ ...arms, "train flow-grpo": { ...training, grpo: { beta: 0.5 } } as Arm }, "flow-grpo", 7, ground),
    ];
    expect(new Set([key, ...others]).size).toBe(1 + others.length);
  });

  it("is the same whatever an arm is called to people", () => {
    const renamed = { ...arms, "train flow-grpo": { ...training, about: "other words" } };
    expect(keyOf(renamed, "flow-grpo", 7, ground)).toBe(key);
  });

  it("has the code and the model as they are", async () => {
    expect(await codeHash()).toMatch(/^[0-9a-f]{64}$/);
    expect(await modelHash("agentflow-tiny")).not.toBe(await modelHash("agentflow-tiny-trained"));
  });
});

describe("the schedule", () => {
  it("runs each arm once a seed, after those that it needs, and all of a seed before the next", () => {
    const jobs = jobsOf(arms, claims, [7, 8]);
    const names = jobs.map(({ arm, seed }) => `${arm.name} ${seed}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.indexOf("train flow-grpo 7")).toBeLessThan(names.indexOf("imitate own 7"));
    expect(names.indexOf("single-start 7")).toBeLessThan(names.indexOf("train single-policy 7"));
    expect(jobs.findIndex(({ seed }) => seed === 8)).toBe(jobs.length / 2);
    expect(names.indexOf("3 turns 7")).toBeLessThan(names.indexOf("train permuted 7"));
    expect(jobs[jobs.length / 2 - 1]?.arm.kind).toBe("cold start");
  });

  it("forecasts by what earlier arms took", () => {
    const jobs = jobsOf(arms, claims, [7]);
    const forecast = forecaster(100);
    const before = forecast.of(jobs);
    const [first] = jobs;
    if (first !== undefined) forecast.took(first, 3 * forecast.of([first]));
    expect(forecast.of(jobs)).toBeCloseTo(3 * before, 6);
  });

  it("knows the arms of every claim, and shares them", () => {
    const needed = claims.flatMap((claim) => claim.arms);
    for (const name of needed) expect(Object.keys(arms)).toContain(name);
    expect(needed.filter((name) => name === "flow-grpo").length).toBeGreaterThan(10);
    expect(new Set(claims.map(({ id }) => id)).size).toBe(claims.length);
  });
});
