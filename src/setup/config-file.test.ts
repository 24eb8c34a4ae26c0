import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { loadConfig } from "./index.ts";

const folder = await mkdtemp(join(tmpdir(), "agentflow-config-"));
afterAll(() => rm(folder, { recursive: true }));

it.each([
  [
    "wrong",
    'import { defineConfig } from "agentflow";\nexport default defineConfig({ budget: { turns: "6" } });',
    /^.*cannot be loaded: defineConfig: budget: turns is "6": .* \(.*wrong\.ts:2:\d+\)$/,
  ],
  [
    "module",
    'import shop from "./shop.ts";\nexport default { tools: shop };',
    /^.*cannot be loaded: Cannot find module '\.\/shop\.ts' \(.*module\.ts:1:\d+\)$/,
  ],
  ["bare", "export const config = {};", /bare\.ts exports config and has no default export: it must/],
  ["throws", "throw { code: 5 };", /throws\.ts cannot be loaded: an object with code$/],
])("says where a configuration is mistaken: %s", async (name, text, message) => {
  const file = join(folder, `${name}.ts`);
  await writeFile(file, text);
  await expect(loadConfig(file)).rejects.toThrow(message);
});
