import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigError, StoreError } from "../errors.ts";
import { writeDurably } from "./durable.ts";
import { createRun, runId } from "./run-folder.ts";
import { listRuns, readRun, readTrajectories } from "./stored-run.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "agentflow-run-"));
});
afterEach(() => rm(root, { recursive: true }));

describe("runId", () => {
  it("is the minute in UTC and a random suffix", () => {
    expect(runId(new Date("2026-11-25T14:12:59Z"), () => 0x7f3a / 0x10000)).toBe("2026-11-25-1412-7f3a");
    expect(runId(new Date("2026-01-02T03:04:00Z"), () => 0)).toBe("2026-01-02-0304-0000");
  });
});

describe("createRun", () => {
  it("stores what it is given and reads it back", async () => {
    const run = await createRun(join(root, "deep", "runs"), "a", { seed: 7 });
    for (let index = 0; index < 100; index += 1) run.appendMetrics({ index, reward: 0.5 });
    run.appendTimings({ seconds: 1.25 });
    run.appendTrajectory({ schemaVersion: 1, id: "t", text: "line\nbreak" });
    await run.flush();
    run.appendMetrics({ index: 100 });
    await run.writeJson("report.json", { gain: 0.7 });
    await run.close();

    const stored = await readRun(join(root, "deep", "runs"), "a");
    expect(stored.config).toEqual({ seed: 7 });
    expect(stored.report).toEqual({ schemaVersion: 1, gain: 0.7 });
    expect(stored.metrics).toHaveLength(101);
    expect(stored.metrics[0]).toEqual({ schemaVersion: 1, index: 0, reward: 0.5 });
    expect(stored.timings).toEqual([{ schemaVersion: 1, seconds: 1.25 }]);
    expect(await readTrajectories(stored)).toEqual([{ schemaVersion: 1, id: "t", text: "line\nbreak" }]);
  });

  it("refuses an id that exists and leaves the old run as it was", async () => {
    await (await createRun(root, "a", { seed: 1 })).close();
    await expect(createRun(root, "a", { seed: 2 })).rejects.toThrow(StoreError);
    await expect(createRun(root, "a", { seed: 2 })).rejects.toThrow(/^Run a exists already/);
    expect((await readRun(root, "a")).config).toEqual({ seed: 1 });
  });

  it("refuses ids that are not names and roots that are files, before it writes", async () => {
    await expect(createRun(root, "../a", {})).rejects.toThrow(ConfigError);
    await expect(createRun(root, "", {})).rejects.toThrow(/is not a run id/);
    await writeFile(join(root, "file"), "");
    await expect(createRun(join(root, "file"), "a", {})).rejects.toThrow(ConfigError);
    await expect(createRun(join(root, "file", "runs"), "a", {})).rejects.toThrow(
      /is a file\. Choose another folder\.$/,
    );
    expect(await readdir(root)).toEqual(["file"]);
  });

  it("keeps paths inside the run and refuses rows after the end", async () => {
    const run = await createRun(root, "a", {});
    expect(run.path("weights/config.json")).toBe(join(root, "a", "weights", "config.json"));
    for (const name of ["../b", "/etc/passwd", ".", ""]) expect(() => run.path(name)).toThrow(StoreError);
    await run.close();
    expect(() => run.appendMetrics({})).toThrow(/is closed/);
  });

  it("reports at flush that a row could not be written", async () => {
    const run = await createRun(root, "a", {});
    await rm(run.folder, { recursive: true });
    run.appendMetrics({ index: 0 });
    await expect(run.flush()).rejects.toThrow(/^Cannot write .*metrics\.jsonl/);
    await expect(run.close()).rejects.toThrow(StoreError);
  });

  it("reports that a file could not even be opened, instead of waiting for it", async () => {
    const open = () => Promise.reject(new Error("ENOSPC: no space left on device"));
    vi.doMock("../files/file-calls.ts", async (original) => ({ ...(await original<object>()), open }));
    vi.resetModules();
    try {
      const { lineWriter } = await import("./lines.ts");
      const writer = lineWriter(join(root, "rows.jsonl"));
      writer.append({ index: 0 });
      await expect(writer.flush()).rejects.toThrow("no space left");
    } finally {
      vi.doUnmock("../files/file-calls.ts");
      vi.resetModules();
    }
  });
});

describe("readRun", () => {
  it("leaves out a last line that a crash cut, but not a damaged one", async () => {
    const run = await createRun(root, "a", {});
    run.appendMetrics({ index: 0 });
    await run.close();
    await appendFile(run.path("metrics.jsonl"), '{"index":');
    expect((await readRun(root, "a")).metrics).toHaveLength(1);
    await appendFile(run.path("metrics.jsonl"), "\n");
    await expect(readRun(root, "a")).rejects.toThrow(/metrics\.jsonl is damaged: line 2/);
  });

  it("knows runs from other folders, and tells what is wrong with a file", async () => {
    expect(await listRuns(join(root, "none"))).toEqual([]);
    await (await createRun(root, "b", {})).close();
    await (await createRun(root, "a", {})).close();
    await writeFile(join(root, "c"), "");
    expect(await listRuns(root)).toEqual(["a", "b"]);
    expect((await readRun(root, "a")).report).toBeUndefined();
    await expect(readRun(root, "nope")).rejects.toThrow(/There is no run "nope"/);
    await writeFile(join(root, "a", "config.json"), '{"schemaVersion":2}');
    await expect(readRun(root, "a")).rejects.toThrow(/schemaVersion 2; this version reads 1/);
  });
});

describe("writeDurably", () => {
  it("replaces content and leaves no draft", async () => {
    await writeDurably(join(root, "x"), "old");
    await writeDurably(join(root, "x"), Uint8Array.of(110, 101, 119));
    expect(await readFile(join(root, "x"), "utf8")).toBe("new");
    expect(await readdir(root)).toEqual(["x"]);
    await expect(writeDurably(join(root, "no", "x"), "")).rejects.toThrow(StoreError);
  });
});
