/**
 * Lets the formats' own readers read what is exported: Harbor's models of ATIF, and the log reader of Inspect, from PyPI in a
 * virtual environment that goes afterwards. It needs Python 3.11 or newer and a package index, and says so where there is
 * none. Without an argument it reads the fixtures of the tests.
 *
 *   npm run check:formats
 *   npm run check:formats -- runs/<id>
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exportRun } from "../src/review/index.ts";

const python = process.env.AGENTFLOW_PYTHON ?? "python3";
const [run = join(import.meta.dirname, "../test/fixtures/formats/2026-11-29-2341-c302")] = process.argv.slice(2);

/** Runs a program; its code at the end, and what it printed. */
const spawned = (program: string, args: readonly string[]) =>
  new Promise<{ readonly code: number; readonly text: string }>((done) => {
    const child = spawn(program, args);
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (part: Buffer) => {
        text += part;
      });
    child.on("error", (error) => done({ code: 127, text: String(error) }));
    child.on("close", (code) => done({ code: code ?? 1, text }));
  });

const folder = await mkdtemp(join(tmpdir(), "agentflow-formats-"));
try {
  const environment = join(folder, "venv");
  const pip = [join(environment, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check"] as const;
  const [program, ...install] = pip;
  const steps: readonly (readonly [program: string, args: readonly string[]])[] = [
    [python, ["-m", "venv", environment]],
    [program, [...install, "inspect_ai==0.3.285", "pydantic"]],
    // Its models of ATIF run on Python 3.11; all else of it wants 3.12.
    [program, [...install, "--no-deps", "--ignore-requires-python", "harbor==0.25.0"]],
  ];
  let missing = "";
  for (const [each, args] of steps) {
    const { code, text } = await spawned(each, args);
    if (code === 0) continue;
    missing = text.trim().split("\n").at(-1) ?? "";
    break;
  }
  if (missing !== "") console.log(`formats: skipped, the readers cannot be installed: ${missing}`);
  else {
    for (const [format, name] of [
      ["atif", "atif"],
      ["inspect", "inspect.json"],
    ] as const)
      await exportRun(resolve(run), { format, out: join(folder, name), version: "0.1.0" });
    const reader = join(import.meta.dirname, "checks", "read-formats.py");
    const { code, text } = await spawned(join(environment, "bin", "python"), [reader, folder]);
    console.log(text.trimEnd());
    console.log(`formats: ${code === 0 ? "read by their own readers" : "REFUSED by their own readers"}`);
    if (code !== 0) process.exitCode = 1;
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
