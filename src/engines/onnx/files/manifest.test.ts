import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreError } from "../../../errors.ts";
import { readManifest, verifyManifest, writeManifest } from "./manifest.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-manifest-"));
  await writeFile(join(folder, "config.json"), "{}\n");
  await mkdir(join(folder, "weights"));
  await writeFile(join(folder, "weights", "a.safetensors"), "abc");
});
afterEach(() => rm(folder, { recursive: true }));

describe("manifest", () => {
  it("lists every file with its hash and passes its own check", async () => {
    const written = await writeManifest(folder, { seed: 7 });
    expect(Object.keys(written.files)).toEqual(["config.json", "weights/a.safetensors"]);
    expect(written.files["weights/a.safetensors"]).toEqual({
      sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      bytes: 3,
    });
    expect(await verifyManifest(folder)).toEqual(written);
    expect(await writeManifest(folder, { seed: 7 })).toEqual(written);
  });

  it("ignores files that came later", async () => {
    const written = await writeManifest(folder);
    await writeFile(join(folder, "notes.txt"), "mine");
    expect(await verifyManifest(folder)).toEqual(written);
  });

  it("names the file that is damaged, cut or missing", async () => {
    await writeManifest(folder);
    await writeFile(join(folder, "weights", "a.safetensors"), "abd");
    await expect(verifyManifest(folder)).rejects.toThrow(/a\.safetensors is damaged: its SHA-256/);
    await writeFile(join(folder, "weights", "a.safetensors"), "ab");
    await expect(verifyManifest(folder)).rejects.toThrow(/a\.safetensors is damaged: 2 bytes/);
    await rm(join(folder, "weights", "a.safetensors"));
    await expect(verifyManifest(folder)).rejects.toThrow(/a\.safetensors is missing/);
  });

  it("refuses a manifest that is missing, damaged, newer or points outside", async () => {
    await expect(readManifest(folder)).rejects.toThrow(StoreError);
    const write = (value: unknown): Promise<void> => writeFile(join(folder, "manifest.json"), JSON.stringify(value));
    await write([]);
    await expect(readManifest(folder)).rejects.toThrow(/lists no files/);
    await write({ schemaVersion: 2, files: {} });
    await expect(readManifest(folder)).rejects.toThrow(/schemaVersion 2; this version reads 1/);
    await write({ schemaVersion: 1, files: { "../secret": { sha256: "0".repeat(64), bytes: 1 } } });
    await expect(readManifest(folder)).rejects.toThrow(/outside its folder/);
    await write({ schemaVersion: 1, files: { a: { sha256: "x", bytes: 1 } } });
    await expect(readManifest(folder)).rejects.toThrow(/no SHA-256 and size/);
  });
});
