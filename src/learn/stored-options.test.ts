import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { quick, tempFolder } from "../../test/learn-double.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { settingsOf } from "./settings.ts";
import { keyThatDiffers, OPTIONS_VERSION, readJson, readStoredOptions } from "./stored-options.ts";

const root = await tempFolder();
let runs = 0;
const good = { seed: 3, validation: true, replay: true, guard: true, permuteRewards: false };

/** A run's folder with these texts as its `options.json` and `config.json`. */
const stored = async (options: unknown, config: unknown = { config: { seed: 3 } }): Promise<string> => {
  const folder = join(root, `run-${runs++}`);
  await mkdir(folder);
  const write = (name: string, value: unknown) =>
    writeFile(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
  if (options !== undefined) await write("options.json", options);
  if (config !== undefined) await write("config.json", config);
  return folder;
};
const withOptions = (options: unknown) => stored({ schemaVersion: OPTIONS_VERSION, options });

describe("the options of a stored run", () => {
  it("are read as they were written, with names of what must be named again", async () => {
    const written = { ...good, steps: 5, train: ["planner"], environment: "levers", model: "m", recipe: quick };
    const read = await readStoredOptions(await withOptions(written));
    expect(read).toEqual({
      settings: settingsOf({ ...good, steps: 5, train: ["planner"] }),
      recipe: JSON.parse(JSON.stringify(quick)),
      environment: "levers",
      model: "m",
      written: JSON.parse(JSON.stringify(written)),
      config: { seed: 3 },
    });
  });

  it("may leave out what a run need not know", async () => {
    const read = await readStoredOptions(await withOptions(good));
    expect(read).toMatchObject({ recipe: undefined, environment: undefined, model: undefined });
    expect(read.settings.steps).toBeUndefined();
  });

  it("are refused by version: an earlier one is no damage, any other is", async () => {
    const read = async (schemaVersion: unknown) => readStoredOptions(await stored({ schemaVersion, options: good }));
    await expect(read(OPTIONS_VERSION - 1)).rejects.toThrow(ConfigError);
    await expect(read(OPTIONS_VERSION - 1)).rejects.toThrow(/schemaVersion 4; this version resumes and verifies/);
    for (const version of [OPTIONS_VERSION + 1, undefined, "three", "3"])
      await expect(read(version)).rejects.toThrow(StoreError);
  });

  it("must be there: a run without them died before it began", async () => {
    await expect(readStoredOptions(await stored(undefined))).rejects.toThrow(ConfigError);
    await expect(readStoredOptions(await stored(undefined))).rejects.toThrow(/died before it began/);
  });

  it.each<[string, unknown, RegExp]>([
    ["no JSON", "{", /options\.json is damaged/],
    ["a list", "[]", /holds no object/],
    ["null", "null", /holds no object/],
    ["a number", "7", /holds no object/],
    ["no options", { schemaVersion: OPTIONS_VERSION }, /it holds no options/],
    ["a list of options", { schemaVersion: OPTIONS_VERSION, options: [] }, /it holds no options/],
  ])("are damaged when the file holds %s", async (_, options, message) => {
    const reading = readStoredOptions(await stored(options));
    await expect(reading).rejects.toThrow(StoreError);
    await expect(reading).rejects.toThrow(message);
  });

  it.each<[string, object]>([
    ["seed", { seed: -1 }],
    ["seed", { seed: "7" }],
    ["steps", { steps: 1.5 }],
    ["concurrency", { concurrency: 0 }],
    ["minutes", { minutes: 1e9 }],
    ["learningRate", { learningRate: null }],
    ["validation", { validation: 1 }],
    ["modules", { modules: "planner" }],
    ["modules", { modules: ["planner", "cook"] }],
    ["train", { train: ["executor"] }],
    ["toolFailures", { toolFailures: 1 }],
    ["toolFailures", { toolFailures: { look: "0.3" } }],
    ["model", { model: 7 }],
    ["model", { model: "x".repeat(4097) }],
    ["quantisation", { quantisation: "int2" }],
    ["recipe", { recipe: { steps: 3 } }],
    ["recipe", { recipe: { ...quick, learningRate: null } }],
    ["recipe", { recipe: { ...quick, grpo: null } }],
  ])("are damaged by a wrong %s", async (name, change) => {
    const reading = readStoredOptions(await withOptions({ ...good, ...change }));
    await expect(reading).rejects.toThrow(StoreError);
    await expect(reading).rejects.toThrow(new RegExp(`options\\.json is damaged: ${name} is `));
  });

  it.each(["epochs", "toString", "__proto__"])("are damaged by the unknown option %s", async (name) => {
    const text = `{"schemaVersion":${OPTIONS_VERSION},"options":{"${name}":1,${JSON.stringify(good).slice(1)}}`;
    await expect(readStoredOptions(await stored(text))).rejects.toThrow(`"${name}" is not an option of learn`);
  });

  it.each(Object.keys(good))("are damaged when they lack %s", async (name) => {
    const rest = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    await expect(readStoredOptions(await withOptions(rest))).rejects.toThrow(`it lacks ${name}`);
  });

  it("go with a configuration that holds an object", async () => {
    for (const config of [{}, { config: [] }, { config: null }, { config: 3 }])
      await expect(
        readStoredOptions(await stored({ schemaVersion: OPTIONS_VERSION, options: good }, config)),
      ).rejects.toThrow(/config\.json is damaged: it holds no config/);
  });
});

it("a file that is not there holds nothing, and one that cannot be read is an error", async () => {
  expect(await readJson(join(root, "none.json"))).toBeUndefined();
  await expect(readJson(root)).rejects.toThrow(StoreError);
});

describe("what a run used, against what its options come to", () => {
  const machine = { cpu: "a" };
  const used = { seed: 3, steps: 5, machine, weights: "w1", model: "m", project: "p" };

  it("is the same by value, whatever the order of keys", () => {
    expect(keyThatDiffers(used, { ...used })).toBeUndefined();
    expect(keyThatDiffers(used, { steps: 5, seed: 3, machine, weights: "w1", model: "m" })).toBeUndefined();
  });

  it("differs by the first key that does, on either side", () => {
    expect(keyThatDiffers(used, { ...used, steps: 6 })).toBe("steps");
    expect(keyThatDiffers(used, { ...used, evalTasks: 6 })).toBe("evalTasks");
    expect(keyThatDiffers({ ...used, guard: false }, used)).toBe("guard");
    expect(keyThatDiffers(used, { ...used, weights: "w2" })).toBe("weights");
  });

  it("may differ in where things are", () => {
    expect(keyThatDiffers(used, { ...used, model: "n", project: "q", projectSha256: "s" })).toBeUndefined();
  });

  it("may come from another machine, whose own weights are others only where the run made them", () => {
    const there = { ...used, machine: { cpu: "b" } };
    expect(keyThatDiffers(used, there)).toBeUndefined();
    expect(keyThatDiffers(used, { ...there, weights: "w2" })).toBe("weights");
    expect(keyThatDiffers(used, { ...there, weights: "w2", model: "micro-planner" })).toBeUndefined();
    expect(keyThatDiffers(used, { ...used, weights: "w2", model: "micro-planner" })).toBe("weights");
  });
});
