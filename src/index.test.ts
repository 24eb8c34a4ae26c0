import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const IMPORT = /^(?:import|export) (?!type\b)(?:(?:\{[^}]*\}|\*(?: as \w+)?|\w+) from )?["']([^"']+)["']/gmu;

/** Every module that importing one loads; imports of types alone load nothing. */
const loadedBy = (entry: URL, seen = new Map<string, string[]>()): Map<string, string[]> => {
  if (seen.has(entry.href)) return seen;
  const outside: string[] = [];
  seen.set(entry.href, outside);
  for (const match of readFileSync(entry, "utf8").matchAll(IMPORT)) {
    const name = match[1] ?? "";
    if (name.startsWith(".")) loadedBy(new URL(name, entry), seen);
    else outside.push(name);
  }
  return seen;
};

test("import agentflow loads no native code, no Node module and no package", () => {
  const loaded = loadedBy(new URL("./index.ts", import.meta.url));
  expect(loaded.size).toBeGreaterThan(15);
  expect([...loaded.values()].flat()).toEqual([]);
  expect([...loaded.keys()].filter((href) => /\/(?:engines|store|train|cli)\//u.test(href))).toEqual([]);
});
