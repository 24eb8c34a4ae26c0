import { cp, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, StoreError } from "../../errors.ts";
import { readSolved } from "../../learn/from-trajectories.ts";
import { lineWriter } from "../../store/lines.ts";
import type { MemoryEntry, Observation, TrainedTurn, Trajectory } from "../../trajectory.ts";
import { type ExportRunOptions, exportRun } from "../export.ts";
import { importAtif } from "../import.ts";
import { atifOf } from "./atif.ts";
import { trajectoryOfAtif } from "./read-atif.ts";

const fixtures = join(import.meta.dirname, "../../../test/fixtures/formats");
const run = join(fixtures, "2026-11-29-2341-c302");
const scratch = await mkdtemp(join(tmpdir(), "agentflow-formats-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

let outs = 0;
const exported = async (options: Pick<ExportRunOptions, "format"> & Partial<ExportRunOptions>, ending = "") => {
  outs += 1;
  const out = join(scratch, `out-${outs}${ending}`);
  return exportRun(run, { out, version: "0.1.0", ...options });
};

/** Files of a folder with their texts, or the text of a file. */
const textsIn = async (path: string): Promise<unknown> => {
  const names = await readdir(path).catch(() => undefined);
  if (names === undefined) return readFile(path, "utf8");
  return Promise.all(names.sort().map(async (name) => [name, await readFile(join(path, name), "utf8")]));
};

/** Places in a document, as the names that lead there. */
const placesIn = (value: unknown, at: readonly string[] = []): readonly (readonly string[])[] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([name, inner]) => [[...at, name], ...placesIn(inner, [...at, name])])
    : [];

it("reads a document with anything at any of its places, or refuses it in words", async () => {
  const text = await readFile(join(fixtures, "atif/000001-before-almanac-afad9345bd9cd9b2.json"), "utf8");
  const values = [null, -1, 1e308, "x", [], {}, [null], [{}], true, ["x"]];
  let read = 0;
  for (const place of placesIn(JSON.parse(text)))
    for (const value of values) {
      const document = JSON.parse(text);
      const holder = place.slice(0, -1).reduce((found, name) => found[name], document);
      holder[place.at(-1) ?? ""] = value;
      try {
        expect(Object.keys(trajectoryOfAtif(document))).toContain("memory");
        read += 1;
      } catch (error) {
        expect(error, `${place.join(".")} = ${JSON.stringify(value)}`).toBeInstanceOf(StoreError);
      }
    }
  expect(read).toBeGreaterThan(1000);
});

describe("the formats of other programs", () => {
  it.each([
    ["atif", "atif", ""],
    ["atif", "atif.jsonl", ".jsonl"],
    ["session-traces", "session-traces", ""],
    ["inspect", "inspect.json", ".json"],
    ["messages", "messages.jsonl", ".jsonl"],
  ] as const)("are written byte for byte: %s into %s", async (format, expected, ending) => {
    const { out, written, leftOut } = await exported({ format }, ending);
    expect({ written, leftOut }).toEqual({ written: 2, leftOut: 1 });
    expect(await textsIn(out)).toEqual(await textsIn(join(fixtures, expected)));
  });

  it("hold what passes the filters, and say so where nothing does", async () => {
    const { out } = await exported({ format: "messages", solved: true }, ".jsonl");
    const rows = (await readFile(out, "utf8")).trim().split("\n");
    expect(rows).toHaveLength(1);
    expect(JSON.parse(rows[0] ?? "").messages.at(-1)).toEqual({ role: "assistant", content: "1893-12-12" });
    await expect(exported({ format: "atif", family: "none" })).rejects.toThrow(ConfigError);
    await expect(exported({ format: "inspect", phase: "failing" }, ".json")).rejects.toThrow(
      /no trajectory of the phase "failing"/,
    );
    expect(await readdir(scratch)).not.toContain(`out-${outs}.json`);
  });

  it.each([
    [{ set: "nosuch" }, /no trajectory of the set "nosuch": its evaluation sets are heldOut/],
    [{ phase: "nosuch" }, /of the phase "nosuch": .* and its phases /],
    [
      { phase: "before", solved: true },
      /no evaluated trajectory of the phase "before" that earned the whole reward \(--solved\)\. Leave a filter out/,
    ],
    [{ task: "nosuch" }, /of the task "nosuch": it has \d+ others, such as almanac-/],
  ] as const)("name what there is where %j leaves nothing", async (filter, message) => {
    await expect(exported({ format: "atif", ...filter })).rejects.toThrow(ConfigError);
    await expect(exported({ format: "messages", ...filter })).rejects.toThrow(message);
  });

  it.each([
    ["atif", ""],
    ["messages", ".jsonl"],
  ] as const)("leave nothing of %s behind where they are interrupted", async (format, ending) => {
    const before = await readdir(scratch);
    for (const after of [0, 1, 2]) {
      const stopped = new AbortController();
      const stop = (written: number) => written === after && stopped.abort(new Error("stopped"));
      stop(0);
      const asked = { format, onProgress: stop, abortSignal: stopped.signal };
      await expect(exported(asked, ending)).rejects.toThrow(/^stopped$/);
    }
    expect(await readdir(scratch)).toEqual(before);
  });

  it("know when a run began whose folder was renamed", async () => {
    const renamed = join(scratch, "renamed");
    await cp(run, renamed, { recursive: true });
    const at = new Date("2026-05-04T03:02:01Z");
    await utimes(join(renamed, "config.json"), at, at);
    const out = join(scratch, "renamed-traces");
    await exportRun(renamed, { format: "session-traces", out, version: "1" });
    const [file = ""] = await readdir(out);
    const [, first = ""] = (await readFile(join(out, file), "utf8")).split("\n");
    expect(JSON.parse(first).message.timestamp).toBe(at.getTime());
  });

  it("write over nothing", async () => {
    const { out } = await exported({ format: "messages" }, ".jsonl");
    await expect(exportRun(run, { format: "messages", out, version: "1" })).rejects.toThrow(/is there already/);
  });

  it("come back from ATIF as what learns from trajectories takes", async () => {
    const { out } = await exported({ format: "atif" });
    const file = join(scratch, "back.jsonl");
    const writer = lineWriter(file);
    for await (const trajectory of importAtif(out)) writer.append(trajectory);
    await writer.close();
    const [solved, ...others] = await readSolved(file);
    expect(others).toEqual([]);
    const { trajectory, phase, set, task, family, expected, reward } = JSON.parse(
      (await readFile(join(run, "trajectories.jsonl"), "utf8")).split("\n")[1] ?? "",
    );
    expect(solved).toEqual({ ...trajectory, phase, set, task, family, expected, reward });
    expect(reward).toBe(1);
  });

  it("keep a reward of 0, however the trajectory says that it ended", async () => {
    const [, stored = ""] = (await readFile(join(run, "trajectories.jsonl"), "utf8")).split("\n");
    const { trajectory } = JSON.parse(stored) as { readonly trajectory: Trajectory };
    expect(trajectory.status).toBe("solved");
    const [wrong, back] = [join(scratch, "wrong.jsonl"), join(scratch, "wrong-back.jsonl")];
    await writeFile(
      wrong,
      `${JSON.stringify(atifOf({ trajectory, run: "r", reward: 0 }, { version: "1", model: "m" }))}\n`,
    );
    const writer = lineWriter(back);
    for await (const one of importAtif(wrong)) {
      expect(one.reward).toBe(0);
      writer.append(one);
    }
    await writer.close();
    await expect(readSolved(back)).rejects.toThrow(/holds no solved trajectories/);
  });
});

const text = fc.string({ maxLength: 12, unit: "grapheme" });
const word = fc.stringMatching(/^[a-z_]{1,8}$/);
const observation: fc.Arbitrary<Observation> = fc.oneof(
  fc.record(
    {
      status: fc.constant("ok" as const),
      text,
      fields: fc.dictionary(word, fc.record({ kind: fc.constant("text" as const), value: text }), {
        noNullPrototype: true,
      }),
      source: text,
      trust: fc.constant("untrusted" as const),
      answerField: word,
    },
    { requiredKeys: ["status", "text", "fields"], noNullPrototype: true },
  ),
  fc.record(
    {
      status: fc.constantFrom("refused" as const, "failed" as const),
      error: text,
      reason: fc.constantFrom("malformed" as const, "tool-error" as const),
    },
    { noNullPrototype: true },
  ),
);
const entries: fc.Arbitrary<MemoryEntry[]> = fc
  .array(
    fc.record(
      {
        step: fc.record({ tool: word, subGoal: text, raw: text }, { noNullPrototype: true }),
        call: fc.record(
          {
            tool: word,
            input: fc.oneof(
              fc.dictionary(word, fc.oneof(text, fc.integer()), { noNullPrototype: true }),
              text,
              fc.constant(null),
              fc.array(fc.integer(), { maxLength: 2 }),
            ),
          },
          { noNullPrototype: true },
        ),
        observation,
        verdict: fc.record(
          { decision: fc.constantFrom("continue" as const, "stop" as const), reason: text },
          { noNullPrototype: true },
        ),
      },
      { requiredKeys: ["step", "observation", "verdict"], noNullPrototype: true },
    ),
    { maxLength: 4 },
  )
  .map((all) => all.map((entry, i) => ({ index: i + 1, turnsLeft: all.length - i, ...entry })));

const ids = fc.array(fc.nat(999), { minLength: 1, maxLength: 4 });
const turnOf = (module: string, turn: number): fc.Arbitrary<TrainedTurn> =>
  fc
    .tuple(
      fc.array(fc.record({ ids, sampled: fc.boolean() }, { noNullPrototype: true }), { minLength: 1, maxLength: 3 }),
      ids,
    )
    .map(([prompt, sampled]) => ({
      module,
      policy: module,
      version: "v1",
      turn,
      prompt,
      ids: sampled,
      behaviourLogProbs: sampled.map((id) => -(id + 1) / 1000),
    }));

const trajectories: fc.Arbitrary<Trajectory> = entries.chain((memory) =>
  fc.record(
    {
      schemaVersion: fc.constant(1 as const),
      id: word,
      query: fc.record(
        {
          id: word,
          question: text,
          conversation: fc.array(
            fc.record(
              { role: fc.constantFrom("system" as const, "user" as const, "assistant" as const), text },
              { noNullPrototype: true },
            ),
            { minLength: 1, maxLength: 2 },
          ),
        },
        { requiredKeys: ["id", "question"], noNullPrototype: true },
      ),
      analysis: fc.record({ entities: fc.array(text, { maxLength: 2 }), template: text }, { noNullPrototype: true }),
      memory: fc.constant(memory),
      turns: fc.tuple(
        ...memory.flatMap(({ index }) => [turnOf("planner", index), turnOf("verifier", index)]),
      ) as fc.Arbitrary<TrainedTurn[]>,
      answer: text,
      solution: text,
      status: fc.constantFrom("solved" as const, "partial" as const),
      stopReason: fc.constantFrom("answered", "turn-limit"),
    },
    {
      requiredKeys: ["schemaVersion", "id", "query", "analysis", "memory", "turns", "status", "stopReason"],
      noNullPrototype: true,
    },
  ),
);

describe("ATIF", () => {
  const about = { version: "1", model: "m" };

  it("brings back every trajectory, and the same document of it", () => {
    fc.assert(
      fc.property(trajectories, (trajectory) => {
        const document = JSON.parse(JSON.stringify(atifOf({ trajectory, run: "r", reward: 1 }, about)));
        const back = trajectoryOfAtif(document);
        expect(back).toEqual(trajectory);
        expect(JSON.stringify(atifOf({ trajectory: back, run: "r", reward: 1 }, about))).toBe(JSON.stringify(document));
      }),
      { numRuns: 60 },
    );
  });

  it("of another agent keeps question, calls, results, tokens and answer", () => {
    const document = {
      schema_version: "ATIF-v1.6",
      agent: { name: "other", version: "2" },
      steps: [
        { step_id: 1, source: "system", message: "Be brief." },
        { step_id: 2, source: "user", message: [{ type: "text", text: "Which is higher?" }] },
        {
          step_id: 3,
          source: "agent",
          message: "I look both up.",
          tool_calls: [
            { tool_call_id: "a", function_name: "search", arguments: { q: "Lagos" } },
            { tool_call_id: "b", function_name: "search", arguments: { q: "Accra" } },
          ],
          observation: {
            results: [
              { source_call_id: "b", content: "61 m" },
              { source_call_id: "a", content: "41 m" },
            ],
          },
          metrics: { prompt_token_ids: [1, 2], completion_token_ids: [3], logprobs: [-0.5] },
        },
        { step_id: 4, source: "agent", message: "Accra" },
      ],
    };
    const { query, memory, turns, answer, status } = trajectoryOfAtif(document);
    expect(query).toMatchObject({
      question: "Which is higher?",
      conversation: [{ role: "system", text: "Be brief." }],
    });
    expect(memory.map(({ call, observation: came }) => [call, came.status === "ok" && came.text])).toEqual([
      [{ tool: "search", input: { q: "Lagos" } }, "41 m"],
      [{ tool: "search", input: { q: "Accra" } }, "61 m"],
    ]);
    expect(turns).toMatchObject([{ turn: 1, prompt: [{ ids: [1, 2] }], ids: [3], behaviourLogProbs: [-0.5] }]);
    expect([answer, status]).toEqual(["Accra", "solved"]);
  });

  it.each([
    [null, /no ATIF trajectory/],
    [{ schema_version: "1" }, /no ATIF trajectory/],
    [{ schema_version: "ATIF-v1.8", steps: [{ step_id: 1, source: "agent", message: "?" }] }, /has no question/],
  ])("refuses %j", (document, message) => {
    expect(() => trajectoryOfAtif(document)).toThrow(StoreError);
    expect(() => trajectoryOfAtif(document)).toThrow(message);
  });
});
