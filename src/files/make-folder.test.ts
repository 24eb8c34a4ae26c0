import { mkdtemp, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.ts";
import { makeChosenFolder, makeFolder } from "./make-folder.ts";

describe("a folder", () => {
  it("is made with those above it, once", async () => {
    const root = await mkdtemp(join(tmpdir(), "agentflow-folder-"));
    const folder = join(root, "a", "b", "c");
    expect(await Promise.all([makeFolder(folder), makeFolder(folder)])).toContain(join(root, "a"));
    expect((await stat(folder)).isDirectory()).toBe(true);
    expect(await makeFolder(folder)).toBeUndefined();
  });

  it("is refused below a file, and where the system lets nobody make one", async () => {
    const root = await mkdtemp(join(tmpdir(), "agentflow-folder-"));
    await writeFile(join(root, "file"), "");
    await expect(makeFolder(join(root, "file"))).rejects.toThrow(/EEXIST/);
    await expect(makeFolder(join(root, "file", "below"))).rejects.toThrow(/EEXIST/);
    const refused = makeChosenFolder(join(root, "file"));
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(/file cannot be made: .* Choose another one\./);
    if (process.platform === "linux") await expect(makeFolder("/proc/x/y")).rejects.toThrow(/ENOENT/);
  });
});
