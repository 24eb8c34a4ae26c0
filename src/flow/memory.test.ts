import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createFlow, type Field, type MemoryEntry, observe, renderEntry, resolve, tool } from "../index.ts";
import { calculate } from "../tools/index.ts";
import { stepOf } from "../trajectory.ts";
import { byThings, REFERENCE } from "./references.ts";

const entry = (index: number, fields: Readonly<Record<string, Field>>, text = "text"): MemoryEntry => ({
  index,
  step: { tool: "t", subGoal: "s", raw: "t s" },
  observation: { status: "ok", text, fields },
  verdict: { decision: "continue", reason: "" },
  turnsLeft: 8 - index,
});

const place: Field = { kind: "text", value: "Nigeria" };

describe("renderEntry", () => {
  test("names fields and labels, then the turns left", () => {
    expect(renderEntry(entry(1, { country: place, 1: { kind: "address", value: "x:1", label: "airport" } }))).toBe(
      "@1 1 airport country [7]\n",
    );
    expect(renderEntry(entry(2, {}), { turnsLeft: false })).toBe("@2 ok\n");
    const trip = {
      minutes: { kind: "number", value: 30, unit: "minute" },
      fare: { kind: "number", value: 12, unit: "crown" },
      day: { kind: "date", value: "2032-05-01" },
    } as const;
    expect(renderEntry(entry(2, trip), { isAsked: ({ unit }) => unit === "crown" })).toBe("@2 minutes fare* day [6]\n");
    expect(renderEntry(entry(2, trip), { isAsked: ({ kind }) => kind === "date" })).toBe("@2 minutes fare day* [6]\n");
    expect(renderEntry(entry(2, trip))).toBe("@2 minutes fare day [6]\n");
    expect(renderEntry(entry(2, {}))).toBe("@2 ok [6]\n");
    expect(
      renderEntry({ ...entry(3, {}), observation: { status: "failed", reason: "tool-error", error: "long story" } }),
    ).toBe("@3 failed tool-error [5]\n");
  });

  test("with verdicts, the cause of one or else its decision stands before the turns left", () => {
    const shown = (more: Partial<MemoryEntry>): string =>
      renderEntry({ ...entry(1, { country: place }), ...more }, { verdicts: true });
    expect(shown({ verdict: { decision: "continue", reason: "long story", cause: "no value" } })).toBe(
      "@1 country: no value [7]\n",
    );
    expect(shown({ verdict: { decision: "stop", reason: "long story" } })).toBe("@1 country: stop [7]\n");
  });

  test("shows values of fields that say which of a few cases holds, and no others", () => {
    const says = (name: string, field: Field): string => renderEntry(entry(1, { [name]: field }));
    const text = (value: string, more: Partial<Field> = {}): Field => ({ kind: "text", value, ...more });
    expect(says("value", text("yes", { unit: "truth" }))).toContain("@1 value yes");
    expect(says("paid", text("True"))).toContain("@1 paid true");
    expect(says("status", text("open"))).toContain("@1 status open");
    for (const hidden of [
      text("Open"),
      text("in progress"),
      text("a"),
      text("abcdefghijklm"),
      text("o-1042"),
      { kind: "number", value: 1 } as const,
      { kind: "date", value: "2024-02-29" } as const,
      { kind: "address", value: "home" } as const,
    ])
      expect(says("status", hidden)).toMatch(/^@1 status( \[\d\])?\n$/u);
    // What answers is not what decides, but for a yes or no.
    expect(says("value", text("copper"))).toMatch(/^@1 value( \[\d\])?\n$/u);
    const observation = observe({ open: true, left: 3 });
    expect(renderEntry({ ...entry(1, {}), observation })).toContain("@1 open true left");
  });

  test("is one bounded line for whatever a tool returns", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }), (value) => {
        const observation = observe(value);
        const line = renderEntry({ ...entry(1, {}), observation });
        expect(line).toMatch(/^@1 [^\n]+\n$/u);
        expect(line.length).toBeLessThan(1400);
        expect(() => JSON.stringify(observation)).not.toThrow();
      }),
    );
  });
});

describe("resolve", () => {
  const state = {
    query: { id: "q", question: "Which country is Lagos in?" },
    analysis: { entities: ["Lagos", "26", "1,250.5", "March 3, 2024"], template: "" },
    memory: [
      entry(1, { country: place, area: { kind: "number", value: 2, unit: "km2" } }),
      entry(2, { value: place, other: place }),
      entry(3, {}, ""),
    ],
  };
  test.each<[string, unknown]>([
    ["q", "Which country is Lagos in?"],
    ["q1", "Lagos"],
    ["q2", 26],
    ["q3", 1250.5],
    ["q4", "2024-03-03"],
    ["@1.country", "Nigeria"],
    ["@1", "text"],
    ["@2", "Nigeria"],
    ["q0", undefined],
    ["q5", undefined],
    ["@0", undefined],
    ["@3", undefined],
    ["@4", undefined],
    ["@1.constructor", undefined],
    ["@1.__proto__", undefined],
    ["nonsense", undefined],
  ])("%s", (reference, expected) => {
    expect(resolve(reference, state)?.value).toBe(expected);
  });
});

describe("references by the entity that results go back to", () => {
  const number = (value: number): Field => ({ kind: "number", value });
  const done = (index: number, action: string, fields: Readonly<Record<string, Field>> | undefined): MemoryEntry => ({
    ...entry(index, fields ?? {}),
    step: stepOf(action),
    ...(fields === undefined && { observation: { status: "refused", reason: "repeated", error: "" } }),
  });
  const memory = [
    done(1, "search q1", { 1: place }),
    done(2, "page @1.1", { country: place, people: number(3) }),
    done(3, "search q2", { 1: place }),
    done(4, "page q2.1", { country: place, people: number(5) }),
    done(5, "search @2.country", { 1: place }),
    done(6, "page @5.1", undefined),
    done(7, "page q1.1", { people: number(90) }),
    done(8, "ferry q1 q2", { fare: number(7) }),
  ];
  const state = {
    query: { id: "q", question: "?" },
    analysis: { entities: ["Lagos Airport", "Accra Airport"], template: "q1 q2" },
    memory,
  };

  test.each<[string, unknown]>([
    ["q1.people", 90],
    ["q2.people", 5],
    ["q1.country", "Nigeria"],
    ["q2.fare", 7],
    ["q3.people", undefined],
    ["q1.height", undefined],
    ["q1.constructor", undefined],
  ])("%s is the newest such field, however long the way to it was", (reference, expected) => {
    expect(resolve(reference, state)?.value).toBe(expected);
  });

  test.each([
    ["page @5.1", "page q1.1"],
    ["calculate difference @7.people @4.people", "calculate difference q1.people q2.people"],
    ["calculate value @8.fare", "calculate value q1.fare"],
    ["search q1", "search q1"],
    // A newer result hides it.
    ["calculate value @2.people", "calculate value @2.people"],
    ["search @2", "search @2"],
    ["page @9.1", "page @9.1"],
  ])("%s is written %s", (action, expected) => {
    const written = byThings(action, memory);
    expect(written).toBe(expected);
    for (const [i, reference] of (written.match(REFERENCE) ?? []).entries())
      expect(resolve(reference, state)).toEqual(resolve(action.match(REFERENCE)?.[i] ?? "", state));
  });

  test("a call with one is made with what it stands for, and one without is refused", async () => {
    const seen: unknown[] = [];
    const text = { type: "object", properties: { of: { type: "string" } }, required: ["of"] };
    const page = tool<{ of: string }>({
      description: "",
      inputSchema: text,
      execute: ({ of }) => {
        seen.push(of);
        return { next: `page of ${of}` };
      },
    });
    const plan = [
      "page q1",
      "page q1.next",
      "page q1.next",
      "calculate days q1.next 3",
      "page q1.none",
      "page of q1.pdf",
    ];
    const { trajectory } = await createFlow({
      planner: ({ turn }) => ({ step: stepOf(plan[turn - 1] ?? "page q1.none") }),
      tools: { page, calculate },
      budget: { turns: plan.length },
    }).solve("How far is 'Lagos'?");
    // In the middle of a text what is no field stays as it is.
    expect(seen).toEqual(["Lagos", "page of Lagos", "page of page of Lagos", "of Lagos.pdf"]);
    expect(trajectory.memory[3]?.call?.input).toEqual({ expression: 'days("page of page of page of Lagos", 3)' });
    expect(trajectory.memory[4]?.observation).toMatchObject({
      status: "refused",
      error: "There is no q1.none: nothing that goes back to q1 has a field none.",
    });
  });
});
