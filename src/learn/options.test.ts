import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ConfigError } from "../errors.ts";
import { leverEnvironment } from "../testing/index.ts";
import { tool } from "../tool.ts";
import { learnFromTrajectories } from "./from-trajectories.ts";
import { learn, type ResumeOptions, resume } from "./learn.ts";
import { checkEnvironment, project } from "./project/project.ts";
import { recipes } from "./recipe.ts";
import { type VerifyOptions, verify } from "./verify.ts";
import { watch } from "./watch.ts";

const environment = leverEnvironment();
const folders: string[] = [];
const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "agentflow-options-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  vi.unstubAllEnvs();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Options as plain JavaScript may give them. */
const given = <Options>(start: (options: Options) => unknown, options: unknown): (() => unknown) => {
  return () => start(options as Options);
};

describe("options that cannot work", () => {
  it.each([
    [undefined, /learn is missing: accepted is an object with seed/],
    [{}, /environment is missing: accepted is an environment, such as almanac\(\)/],
    [{ environment: "almanac" }, /environment is "almanac"/],
    [{ stpes: 3 }, /"stpes", which nothing reads.*Did you mean steps\?/],
    [{ steps: -1 }, /steps is -1/],
    [{ steps: Number.NaN }, /steps is NaN/],
    [{ evalTasks: 0 }, /evalTasks is 0/],
    [{ learningRate: "x" }, /learningRate is "x"/],
    [{ modules: "planner" }, /modules is "planner"/],
    [{ modules: [] }, /modules: the first is missing: accepted is "planner"/],
    [{ train: ["executor"] }, /train.*"executor".*"planner"/],
    [{ patience: 0 }, /patience is 0/],
    [{ toolFailures: 1 }, /toolFailures is 1: accepted is a number from 0 to less than 1/],
    [{ toolFailures: { look: -0.1 } }, /toolFailures/],
    [{ guard: "x" }, /guard is "x": accepted is true or false/],
    [{ planner: "agentflow-tiny" }, /planner is "agentflow-tiny"/],
    [{ folder: 5 }, /folder is 5/],
    [{ abortSignal: {} }, /abortSignal/],
    [{ recipe: "tiny" }, /recipe is "tiny"/],
    [{ recipe: { ...recipes.tiny, grpo: { groupSize: 1 } } }, /recipe: grpo: groupSize is 1/],
    [{ recipe: { ...recipes.tiny, validation: { tasks: 4, every: 0 } } }, /recipe: validation: every is 0/],
    [{ recipe: { ...recipes.tiny, clip: 2 } }, /"clip", which nothing reads/],
  ])("of learn are refused at once: %j", (options, message) => {
    const folder = scratch();
    const all =
      options === undefined || Object.keys(options).length === 0 ? options : { environment, folder, ...options };
    expect(given(learn, all)).toThrow(ConfigError);
    expect(given(learn, all)).toThrow(message);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("of its neighbours are refused at once, too", async () => {
    expect(given((options: ResumeOptions) => resume("runs/x", options), {})).toThrow(/environment/);
    expect(given(watch, { environment })).toThrow(/watch: file is missing/);
    expect(given(watch, { environment, file: "x", rounds: -1 })).toThrow(/rounds is -1/);
    expect(given(learnFromTrajectories, { environment, batch: 0 })).toThrow(/batch is 0/);
    expect(given(project, { rewrd: 1 })).toThrow(/Did you mean reward\?/);
    for (const step of [0, -1, 1.5, Number.NaN, "x"])
      await expect(
        given((options: VerifyOptions) => verify(scratch(), options), { environment, step })(),
      ).rejects.toThrow(/verify: step is/);
    await expect(verify(scratch(), { environment })).rejects.toThrow(/There is no run in/);
  });

  it("do not include the recipes that there are", () => {
    for (const recipe of Object.values(recipes)) {
      const run = learn({ environment, recipe, folder: scratch(), abortSignal: AbortSignal.abort() });
      expect(run.report).toBeInstanceOf(Promise);
    }
  });
});

const asking = (execute: (input: { readonly code: string }) => unknown) => {
  const look = tool<{ code: string }>({
    description: "Looks up a code.",
    inputSchema: { type: "object", properties: { code: { type: "string" } }, required: ["code"] },
    execute,
  });
  const tasks = Array.from({ length: 60 }, (_, i) => ({
    id: `t${i}`,
    question: `What is at "C-${i}"?`,
    sealed: { answer: i },
  }));
  return project({ tools: { look }, tasks });
};

describe("a project", () => {
  it("whose tool never answers is left at once when it is told to", async () => {
    const silent = asking(() => new Promise(() => undefined));
    const abortSignal = AbortSignal.timeout(300);
    await expect(checkEnvironment(silent, { seed: 7, abortSignal })).rejects.toThrow(/timeout/);
    const run = learn({ environment: silent, folder: scratch(), stopSignal: AbortSignal.timeout(300) });
    await expect(run.report).rejects.toThrow(/timeout/);
  });

  it("keeps no key of the environment that a tool echoes", async () => {
    vi.stubEnv("OPENAI_API_KEY", "sk-canary-1234567890abcdef");
    const folder = scratch();
    const echoing = asking(({ code }) => ({
      text: `sk-canary-1234567890abcdef at ${code}`,
      fields: { value: { kind: "number", value: Number(code.slice(2)) } },
    }));
    const run = learn({ environment: echoing, folder, coldStart: 1, steps: 0, evalTasks: 2 });
    const { run: id } = await run.report;
    const files = readdirSync(join(folder, id), { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) expect(readFileSync(join(file.parentPath, file.name)).includes("sk-canary")).toBe(false);
  });
});

it("the events of a run have one reader", async () => {
  const run = learn({ environment, folder: scratch(), abortSignal: AbortSignal.abort(new Error("Enough.")) });
  const first = run[Symbol.asyncIterator]();
  await first.next();
  await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow(/have a reader already/);
  await expect(run.report).rejects.toThrow("Enough.");
});
