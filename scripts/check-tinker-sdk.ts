/**
 * Lets the official Python client of the Tinker API, unchanged, train and sample at our server. It needs Python 3.11 or
 * newer with the package tinker 0.38, by default `python3`, and says so where there is none.
 *
 *   AGENTFLOW_PYTHON=venv/bin/python npm run check:tinker-sdk
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEngine } from "../src/engines/onnx/index.ts";
import { listen, tinkerServer } from "../src/engines/tinker-server/index.ts";

const python = process.env.AGENTFLOW_PYTHON ?? "python3";
const KEY = "tml-check";

/** Runs Python; its code at the end, and what it printed. */
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  new Promise<{ readonly code: number; readonly text: string }>((resolve) => {
    const child = spawn(python, args, { env: { ...process.env, ...env } });
    let text = "";
    child.stdout.on("data", (part: Buffer) => {
      text += part;
    });
    child.on("error", () => resolve({ code: 127, text }));
    child.on("close", (code) => resolve({ code: code ?? 1, text }));
  });

const { code: missing, text: version } = await run(["-c", "import tinker; print(tinker.__version__)"]);
if (missing !== 0) console.log(`tinker-sdk: skipped, ${python} has no package tinker (pip install tinker==0.38.0)`);
else {
  const folder = await mkdtemp(join(tmpdir(), "agentflow-tinker-sdk-"));
  const model = join(import.meta.dirname, "..", "models", "agentflow-tiny");
  for (const learns of ["weights", "adapters"] as const) {
    const engine = await openEngine(model, { learns });
    const server = tinkerServer({ engine, folder: join(folder, learns), token: KEY, model });
    const { url, close } = await listen(server);
    const environment = { TINKER_BASE_URL: url, TINKER_API_KEY: KEY, TINKER_TELEMETRY: "0", HF_HUB_OFFLINE: "1" };
    const { code, text } = await run([join(import.meta.dirname, "checks", "tinker-sdk.py")], {
      ...environment,
      MODEL: model,
    });
    console.log(text.trimEnd());
    console.log(`tinker-sdk ${version.trim()} on ${learns}: ${code === 0 ? "all calls succeed" : "calls fail"}`);
    if (code !== 0) process.exitCode = 1;
    await close();
    await engine.dispose();
  }
  await rm(folder, { recursive: true, force: true });
}
