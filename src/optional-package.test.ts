import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ConfigError } from "./errors.ts";
import { installCommand, missingPackage, optionalPackage } from "./optional-package.ts";

interface Manifest {
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Manifest;
const peers = Object.entries(manifest.peerDependencies);

it("gives what a package exports", async () => {
  const { Agent } = await optionalPackage("undici", () => import("undici"));
  expect(Agent).toBeTypeOf("function");
});

it("says which feature needs a package that is not installed, and the one command that installs it", async () => {
  const absent = "agentflow-absent";
  const error = await optionalPackage(absent, () => import(absent)).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigError);
  expect(error).toMatchObject({
    message: `This feature needs the npm package ${absent}, which is not installed. Run: npm install ${absent}`,
  });
  const { cause } = error as ConfigError;
  const { "hyparquet-compressors": compressors, hyparquet = "" } = manifest.peerDependencies;
  expect(missingPackage("hyparquet", cause).message).toBe(
    `Reading Parquet files needs the npm package hyparquet (${hyparquet}), which is not installed. ` +
      `Run: npm install hyparquet@${hyparquet.slice(1)} hyparquet-compressors@${compressors?.slice(1)}`,
  );
});

it("says why a package that is there cannot be loaded", async () => {
  const loading = optionalPackage("undici", () => Promise.reject(new Error("it is damaged")));
  await expect(loading).rejects.toThrow(
    /^Fetching .* undici \(\^[\d.]+\), which cannot be loaded: it is damaged\. Run: /,
  );
});

it.each(peers)("installs %s in the version that is tested", (name, range) => {
  expect(range).toBe(`^${manifest.devDependencies[name]}`);
  expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
  expect(installCommand(name)).toContain(` ${name}@${range.slice(1)}`);
  expect(missingPackage(name, new Error("x")).message).not.toMatch(/^This feature/);
});
