import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type HubServer, hubServer } from "agentflow/testing";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { writeAdapter } from "../src/engines/onnx/files/adapter-files.ts";
import { formulaAdapter, smallModel } from "./fixtures/adapter.ts";
import { modelRepo } from "./fixtures/hub.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-cli-model-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let server: HubServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const WEIGHTS = "model.safetensors";
const SLOW = { timeout: 240_000 };

/** Calls the command through a pipe. */
const agentflow = (
  args: readonly string[],
  onOutput: (stdout: string, press: () => void) => void = () => undefined,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
      cwd: root,
      env: {
        ...process.env,
        AGENTFLOW_CACHE: join(scratch, "cache"),
        HF_ENDPOINT: server?.url ?? "",
        HF_TOKEN: "",
        AGENTFLOW_DEBUG: "",
      },
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
      onOutput(output.stdout, () => child.kill("SIGINT"));
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.on("error", reject).on("close", (code) => resolve({ code, ...output }));
  });

describe("agentflow model", () => {
  it("pulls, stops on Ctrl-C, goes on, lists and removes", SLOW, async () => {
    server = await hubServer({
      repos: { "tiny/llama": modelRepo },
      faults: [{ path: WEIGHTS, kind: "hang", after: 20_000, times: 1 }],
    });
    const stopped = await agentflow(["model", "pull", "tiny/llama"], (stdout, press) => {
      if (stdout.includes("4 files")) setTimeout(press, 500);
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stdout).toContain("stopped: the part that arrived is kept");
    expect((await agentflow(["model", "list"])).stdout).toMatch(/tiny\/llama .* partial/);
    const early = await agentflow(["solve", "--policy", "tiny/llama", "?"]);
    expect(early).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^agentflow: The model tiny\/llama is only partly on this machine. Run: agentflow model pull tiny\/llama\n$/,
      ),
    });

    const pulled = await agentflow(["model", "pull", "tiny/llama", "--json"]);
    expect(pulled.code).toBe(0);
    expect(JSON.parse(pulled.stdout)).toMatchObject({
      schemaVersion: 1,
      name: "tiny/llama",
      complete: true,
      architecture: "llama",
    });
    expect(pulled.stderr).toMatch(/pulled .*, every hash checked/);
    expect(server.requests.findLast(({ part }) => part === "content")?.range).toBe("bytes=20000-");

    const { models } = JSON.parse((await agentflow(["model", "list", "--json"])).stdout);
    expect(models).toMatchObject([{ name: "tiny/llama", revision: "main", complete: true }]);

    const adapter = join(scratch, "adapter");
    await writeAdapter(adapter, { config: smallModel, ...formulaAdapter(), baseName: "tiny/llama", about: {} });
    for (const format of ["peft", "gguf", "merged"]) {
      const out = join(scratch, format);
      const { code, stdout, stderr } = await agentflow(["export", adapter, "--format", format, "--out", out, "--json"]);
      expect(stderr).toContain("tensors read back, each equal to what was meant");
      expect({ code, json: JSON.parse(stdout) }).toMatchObject({
        code: 0,
        json: { base: "tiny/llama", format, tensors: format === "merged" ? 20 : 28 },
      });
    }
    expect(readdirSync(join(scratch, "merged")).sort()).toEqual([
      "config.json",
      "manifest.json",
      WEIGHTS,
      "tokenizer.json",
      "tokenizer_config.json",
    ]);

    expect((await agentflow(["model", "remove", "tiny/llama"])).stdout).toMatch(/^removed tiny\/llama: /);
    expect((await agentflow(["model", "list"])).stdout).toMatch(
      /^There are no models in .*agentflow model pull <owner\/name>\n$/,
    );
  });

  it("says in one line what is wrong", SLOW, async () => {
    server = await hubServer({ repos: { "tiny/llama": { ...modelRepo, gated: true } } });
    const oneLine = /^agentflow: [^\n]+\n$/;
    for (const [args, code, message] of [
      [["model", "pull", "tiny/llama"], 2, "set HF_TOKEN to a token that may read it"],
      [["model", "pull", "llama"], 2, "accepted is owner/name"],
      [["model", "remove", "tiny/llama"], 2, "There is no model tiny/llama in"],
      [["export", "nothing", "--format", "peft", "--out", "x"], 2, 'There is no planner "nothing"'],
      [
        ["export", "nothing", "--format", "gguf", "--out", "x", "--load", "http://127.0.0.1:1"],
        2,
        "--load goes with --format peft",
      ],
      [["export", "nothing", "--format", "onnx", "--out", "x"], 2, "Allowed choices are peft, gguf, merged"],
    ] as const) {
      const ended = await agentflow(args);
      expect(ended.code).toBe(code);
      expect(ended.stderr).toMatch(oneLine);
      expect(ended.stderr).toContain(message);
    }
  });
});
