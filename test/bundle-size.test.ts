import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleOf } from "../bench/frameworks/bundle-size.ts";
import { buildCode } from "../scripts/packing/build-code.ts";

const root = join(import.meta.dirname, "..");

describe("what a program downloads before it runs", () => {
  // The package as it is built, without its declarations.
  const folder = mkdtempSync(join(tmpdir(), "bundle-size-"));
  beforeAll(async () => {
    copyFileSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    await buildCode({ root, out: join(folder, "dist"), entryPoints: ["src/index.ts", "src/models/index.ts"] });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const WITH_A_MODEL =
    'import { createFlow } from "agentflow"; import { openaiCompatible } from "agentflow/models"; console.log(createFlow, openaiCompatible);';

  // What only some programs need is loaded on demand: import it with `import()`, from a file that exports nothing public.
  test("an agent with a model is at most 25 KB", async () => {
    const { kilobytes, files } = await bundleOf(WITH_A_MODEL, folder);
    const table = files.map(([file, bytes]) => `${String(bytes).padStart(8)} ${file}`).join("\n");
    expect(kilobytes, `minified bytes by file:\n${table}`).toBeLessThanOrEqual(25);
    expect(files.length).toBeGreaterThan(1);
  });

  test("what it loads on demand is not in it, and is in a bundle of a program that asks for it at once", async () => {
    const sizeOf = async (program: string): Promise<number> => (await bundleOf(program, folder)).kilobytes;
    const agent = await sizeOf('import { createFlow } from "agentflow"; console.log(createFlow);');
    const parsing =
      'import { createFlow, parseChatAction } from "agentflow"; console.log(createFlow, parseChatAction);';
    expect(await sizeOf(parsing)).toBeGreaterThan(agent + 1);
    const policy = 'import { createFlow, modelPlanner } from "agentflow"; console.log(createFlow, modelPlanner);';
    expect(await sizeOf(policy)).toBeGreaterThan(agent + 1);
  });
});
