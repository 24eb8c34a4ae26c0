import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { init, specifierOf } from "./init.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-init-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const quiet = { json: false, quiet: true };

it("writes a project into an empty folder, or a new one", async () => {
  const project = join(folder, "a", "My Shop");
  expect(await init(project, quiet)).toBe(0);
  const files = await readdir(project);
  expect(files).toEqual(
    expect.arrayContaining([".gitignore", "README.md", "agentflow.config.ts", "package.json", "shop.ts", "tasks.ts"]),
  );
  const manifest = JSON.parse(await readFile(join(project, "package.json"), "utf8"));
  expect(manifest).toMatchObject({
    name: "my-shop",
    type: "module",
    dependencies: { agentflow: expect.stringMatching(/^file:/) },
  });
});

it("keeps what is there, and refuses to overwrite", async () => {
  await writeFile(join(folder, "notes.txt"), "mine");
  await writeFile(join(folder, "package.json"), "{}");
  expect(await init(folder, quiet)).toBe(0);
  expect(await readFile(join(folder, "package.json"), "utf8")).toBe("{}");
  await writeFile(join(folder, "shop.ts"), "mine");
  await expect(init(folder, quiet)).rejects.toThrow(/has README.md, .*shop.ts.* already, and nothing is overwritten/);
  expect(await readFile(join(folder, "shop.ts"), "utf8")).toBe("mine");
  await expect(init(join(folder, "notes.txt", "below"), quiet)).rejects.toThrow(/notes.txt is a file/);
});

it("depends on the package that made it, wherever that came from", async () => {
  const own = join(folder, "node_modules", "agentflow");
  await mkdir(own, { recursive: true });
  expect(await specifierOf(folder, "1.2.3")).toBe(`file:${folder}`);
  expect(await specifierOf(own, "1.2.3")).toBe("^1.2.3");
  const installedFrom = (resolved: string) =>
    writeFile(
      join(folder, "node_modules", ".package-lock.json"),
      JSON.stringify({ packages: { "node_modules/agentflow": { version: "1.2.3", resolved } } }),
    );
  await installedFrom("https://registry.example/agentflow-1.2.3.tgz");
  expect(await specifierOf(own, "1.2.3")).toBe("^1.2.3");
  await installedFrom("file:../agentflow.tgz");
  expect(await specifierOf(own, "1.2.3")).toBe(`file:${join(folder, "..", "agentflow.tgz")}`);
});
