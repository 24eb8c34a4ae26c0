import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-cli-engine-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Calls the command; `onOutput` sees what it printed so far, and may press Ctrl-C. */
const agentflow = (
  args: readonly string[],
  key: string,
  onOutput: (stdout: string, press: () => void) => void = () => undefined,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
      cwd: root,
      env: { ...process.env, TINKER_API_KEY: key, AGENTFLOW_ENGINE_KEY: "" },
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

describe("agentflow engine", () => {
  it("serves a model under a key until Ctrl-C, and finds its own dialect", { timeout: 240_000 }, async () => {
    const serving: { address?: (url: string) => void; stop?: () => void } = {};
    const address = new Promise<string>((resolve) => {
      serving.address = resolve;
    });
    const args = ["engine", "serve", "--port", "0", "--checkpoints", join(scratch, "checkpoints")];
    const served = agentflow(args, "tml-cli-test", (stdout, press) => {
      const [, url] = /TINKER_BASE_URL=(\S+)/.exec(stdout) ?? [];
      serving.stop = press;
      if (url !== undefined) serving.address?.(url);
    });
    const url = await address;
    const wrong = await agentflow(["engine", "probe", url], "tml-other");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain(`The key is wrong: ${url} answered 401`);
    const probed = await agentflow(["engine", "probe", url, "--json"], "tml-cli-test");
    expect([probed.code, probed.stderr.includes("is its dialect")]).toEqual([0, true]);
    expect(JSON.parse(probed.stdout)).toMatchObject({ schemaVersion: 1, dialect: "tinker", model: "agentflow-tiny" });
    serving.stop?.();
    const { code, stdout } = await served;
    expect(code).toBe(0);
    expect(stdout).toContain("agentflow-tiny (weights, 384 tokens)");
    // A key of the environment is not printed.
    expect(stdout).not.toContain("tml-cli-test");
  });

  it("does not serve an adapter, which its clients would not train", async () => {
    const adapter = join(scratch, "adapter");
    mkdirSync(adapter);
    writeFileSync(join(adapter, "adapter_config.json"), "{}");
    const checkpoints = join(scratch, "none");
    const { code, stderr } = await agentflow(
      ["engine", "serve", "--model", adapter, "--checkpoints", checkpoints],
      "tml-cli-test",
    );
    expect(code).toBe(2);
    expect(stderr).toContain(`${adapter} is an adapter, and clients train new adapters on a model: serve its base`);
  });
});
