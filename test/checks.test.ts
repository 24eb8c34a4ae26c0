import { describe, expect, it } from "vitest";
import { check as calls } from "../scripts/check-calls.ts";
import { check as concurrency } from "../scripts/check-concurrency.ts";
import { check as damage } from "../scripts/check-damage.ts";
import { check as endpoints } from "../scripts/check-endpoints.ts";
import { check as faults } from "../scripts/check-faults.ts";
import { check as fetching } from "../scripts/check-fetch.ts";
import { check as gullible } from "../scripts/check-gullible.ts";
import { check as interrupt } from "../scripts/check-interrupt.ts";
import { check as own } from "../scripts/check-own.ts";
import { check as sandbox } from "../scripts/check-sandbox.ts";
import { check as scorers } from "../scripts/check-scorers.ts";
import { check as secrets } from "../scripts/check-secrets.ts";
import { check as stall } from "../scripts/check-stall.ts";
import { check as terminal } from "../scripts/check-terminal.ts";
import { check as untrusted } from "../scripts/check-untrusted.ts";
import { check as verify } from "../scripts/check-verify.ts";

/** Every promise with few trials; `npm run check:<name>` makes as many as docs/promises.md says. */
const promises = [
  // First: it limits the memory of the whole process.
  { check: concurrency, n: 200 },
  { check: faults, n: 60 },
  { check: endpoints, n: 320 },
  { check: calls, n: 5000 },
  { check: fetching, n: 250 },
  { check: gullible, n: 60 },
  { check: sandbox, n: 60 },
  { check: secrets, n: 5 },
  { check: scorers, n: 600 },
  { check: interrupt, n: 40 },
  { check: damage, n: 120 },
  { check: untrusted, n: 1000 },
  { check: own, n: 120 },
  { check: stall, n: 40 },
  { check: verify, n: 100 },
  { check: terminal, n: 2 },
];

describe.each(promises)("check:$check.name", ({ check, n }) => {
  it("catches what has no guard", async () => {
    expect((await check.run({ n: Math.min(check.brokenN, n), seed: 7, broken: true })).failed).toBeGreaterThan(0);
  }, 900_000);

  it("finds no failure", async () => {
    const { failed, lines } = await check.run({ n, seed: 11, broken: false });
    expect({ failed, lines: failed === 0 ? [] : lines }).toEqual({ failed: 0, lines: [] });
  }, 900_000);
});
