/** `agentflow eval` by the name of a benchmark, with a judge, a baseline, a cache and a report to hold to. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { EvalReport } from "../benchmarks/index.ts";
import { type OpenAIRequest, openaiServer } from "../testing/index.ts";
import type { EvalOptions } from "./eval-options.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-eval-"));
process.env.AGENTFLOW_CACHE = join(scratch, "cache");
/** What the command writes to stdout: its streams are those that were there when it was loaded. */
let said = "";
const { write } = process.stdout;
process.stdout.write = (text: string | Uint8Array) => {
  said += String(text);
  return true;
};
const { evalCommand } = await import("./eval-command.ts");
const { evalSource } = await import("./eval-source.ts");
process.stdout.write = write;
beforeEach(() => {
  said = "";
});

let capital = "Accra";
const reply = ({ body }: OpenAIRequest): string => {
  const system = String(body.messages?.[0]?.content ?? "");
  const asked = String(body.messages?.at(-1)?.content ?? "");
  if (/check answers/.test(system)) return asked.includes("Who") ? "right" : "wrong";
  return asked.includes("Ghana") ? `<answer>${capital}</answer>` : "<answer>Bob</answer>";
};
const server = await openaiServer({ reply });
afterAll(async () => {
  await server.close();
  rmSync(scratch, { recursive: true, force: true });
});

const path = (name: string): string => join(scratch, name);
writeFileSync(path("questions.csv"), "Question,Answer\nCapital of Ghana?,Accra\nWho wrote it?,Ann Lee\n");
const model = `${server.baseURL}#double`;
const options: EvalOptions = { seed: 7, concurrency: 4, resume: false, json: false, quiet: false };
const alone: EvalOptions = { ...options, data: path("questions.csv"), model, baseline: "model-alone" };
const readReport = (name: string): EvalReport => JSON.parse(readFileSync(path(name), "utf8")) as EvalReport;

describe("agentflow eval by name", () => {
  it("scores by rules, judges beside them, reports, and fails where accuracy fell", async () => {
    const [out, cache] = [path("r.json"), path("results")];
    const files = { out, cache, html: path("r.html"), markdown: path("r.md") };
    expect(await evalCommand("bamboogle", { ...alone, ...files, judge: model, json: true })).toBe(0);
    const report = JSON.parse(said) as EvalReport;
    expect(report).toMatchObject({
      ...{ n: 2, accuracy: 0.5, crashed: 0, baseline: "model-alone" },
      players: [{ role: "model" }],
      benchmark: { name: "bamboogle", publishedTasks: 125 },
      judge: { accuracy: 0.5, calibration: { n: 2, agreement: 0, onlyJudge: ["1"], onlyRules: ["0"] } },
      items: [
        { question: "Capital of Ghana?", expected: ["Accra"], answer: "Accra", reward: 1, judged: false },
        { answer: "Bob", reward: 0, judged: true },
      ],
    });
    expect(readReport("r.json")).toEqual(report);
    expect(readFileSync(path("r.html"), "utf8")).toContain("Capital of Ghana?");
    expect(readFileSync(path("r.md"), "utf8")).toContain("| 0 | Capital of Ghana? | Accra | Accra |");

    // Nothing that a result depends on has changed: nobody is asked again, the judge included.
    const asked = server.requests.length;
    capital = "Kumasi";
    said = "";
    expect(await evalCommand("bamboogle", { ...alone, cache, judge: model, against: out })).toBe(0);
    expect(said).toMatch(/against {5}\+0\.0 [\s\S]*0 gained, 0\s+lost/);
    expect(server.requests.length).toBe(asked);

    // Without the cache, or with another seed, they are; and the new answer is a wrong one.
    said = "";
    expect(await evalCommand("bamboogle", { ...alone, against: out, maxDrop: 0.05 })).toBe(1);
    expect(said).toMatch(/−50\.0 [\s\S]*1\s+lost\nregression/);
    expect(await evalCommand("bamboogle", { ...alone, cache, seed: 8, quiet: true })).toBe(0);
    expect(server.requests.length).toBe(asked + 4);
  });

  it("takes what was fetched, and stops at the limits of all tasks together until more is allowed", async () => {
    mkdirSync(path("cache/data/simpleqa"), { recursive: true });
    const file = "metadata,problem,answer\n{},Capital of Ghana?,Kumasi\n{},Who?,Ann Lee\n";
    writeFileSync(path("cache/data/simpleqa/tasks.csv"), file);
    const sha256 = createHash("sha256").update(file).digest("hex");
    writeFileSync(path("cache/data/simpleqa/source.json"), JSON.stringify({ sha256 }));
    const one = { ...options, model, baseline: "model-alone", concurrency: 1, out: path("s.json") } as const;
    await expect(evalCommand("SimpleQA", { ...one, total: { calls: 1 } })).rejects.toThrow(
      /limit of calls.*after 1 tasks.*--resume/,
    );
    const asked = server.requests.length;
    expect(await evalCommand("SimpleQA", { ...one, resume: true })).toBe(0);
    expect(server.requests.length).toBe(asked + 1);
    expect(said).toMatch(/50\.0 % .* of 2 tasks[\s\S]*published results are on 4326/);
    expect(readReport("s.json").items.map(({ reward }) => reward)).toEqual([1, 0]);
  });

  it("says what is missing: the file of a benchmark, a name, a judge", async () => {
    await expect(evalSource("bamboogle", options)).rejects.toThrow(/agentflow data get bamboogle/);
    await expect(evalSource("GAIA", options)).rejects.toThrow(/terms at https:.*--data <file>/);
    await expect(evalSource("nothing", options)).rejects.toThrow(/no benchmark, no set and no file nothing/);
    await expect(evalSource("deep", { ...options, data: path("questions.csv") })).rejects.toThrow(/--data is the file/);
    await expect(evalCommand("bamboogle", { ...alone, judge: "nobody", quiet: true })).rejects.toThrow(
      /no judge "nobody"/,
    );
  });

  it("measures the planner of one order on the Almanac", async () => {
    const order = ["web_search", "web_page", "calculate"];
    const fixed = { ...options, baseline: "fixed-order", tools: order, limit: 3, out: path("f.json") } as const;
    expect(await evalCommand("heldOutPages", fixed)).toBe(0);
    const { items, settings } = readReport("f.json");
    expect(settings.order).toEqual(order);
    for (const { tools } of items) expect(order).toEqual(expect.arrayContaining(tools.slice(0, 3)));
    expect(items.map(({ tools }) => tools[0])).toEqual(items.map(() => "web_search"));
  });
});
