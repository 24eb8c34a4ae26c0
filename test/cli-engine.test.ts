import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-cli-engine-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Keys = Readonly<Partial<Record<"TINKER_API_KEY" | "AGENTFLOW_ENGINE_KEY", string>>>;

/** Calls the command; `onOutput` sees what it printed so far, and may press Ctrl-C. */
const agentflow = (
  args: readonly string[],
  keys: Keys,
  onOutput: (stdout: string, press: () => void) => void = () => undefined,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...args], {
      cwd: root,
      env: { ...process.env, TINKER_API_KEY: "", AGENTFLOW_ENGINE_KEY: "", COLUMNS: "80", ...keys },
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

/** Cells of the longest line. */
const widthOf = (text: string): number => Math.max(...text.split("\n").map(({ length }) => length));
const right = { TINKER_API_KEY: "tml-cli-test" };

describe("agentflow engine", () => {
  it("serves a model under a key until Ctrl-C, and finds its own dialect", { timeout: 240_000 }, async () => {
    const serving: { address?: (url: string) => void; stop?: () => void } = {};
    const address = new Promise<string>((resolve) => {
      serving.address = resolve;
    });
    const args = ["engine", "serve", "--port", "0", "--checkpoints", join(scratch, "checkpoints")];
    const keys = { AGENTFLOW_ENGINE_KEY: "tml-cli-test", TINKER_API_KEY: "tml-elsewhere" };
    const served = agentflow(args, keys, (stdout, press) => {
      const [, url] = /TINKER_BASE_URL=(\S+)/.exec(stdout) ?? [];
      serving.stop = press;
      if (url !== undefined) serving.address?.(url);
    });
    const url = await address;
    // The key of one's own server is not sent to others.
    const wrong = await agentflow(["engine", "probe", url], keys);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain(`The key is wrong: ${url} answered 401`);
    const missing = await agentflow(["engine", "conformance", url], { AGENTFLOW_ENGINE_KEY: "tml-cli-test" });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("set TINKER_API_KEY")]);

    const probed = await agentflow(["engine", "probe", url, "--json"], right);
    expect([probed.code, probed.stderr.includes("is its dialect")]).toEqual([0, true]);
    expect(JSON.parse(probed.stdout)).toMatchObject({ schemaVersion: 1, dialect: "tinker", model: "agentflow-tiny" });
    const checked = await agentflow(["engine", "conformance", url], right);
    expect([checked.code, checked.stdout.includes(" 0 broken")]).toEqual([0, true]);
    for (const text of [probed.stderr, checked.stdout]) expect(widthOf(text)).toBeLessThanOrEqual(80);

    for (const look of ["probe", "conformance"]) {
      const none = await agentflow(["engine", look, url, "--model", "nope"], right);
      expect([none.code, none.stdout, none.stderr]).toEqual([
        2,
        "",
        `agentflow: ${url} has no model nope: accepted are agentflow-tiny.\n`,
      ]);
    }
    const folder = join(scratch, "second");
    const { port } = new URL(url);
    const second = await agentflow(["engine", "serve", "--port", port, "--checkpoints", folder], {});
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("Choose another port")]);
    expect(existsSync(folder)).toBe(false);

    serving.stop?.();
    const { code, stdout } = await served;
    expect(code).toBe(0);
    expect(stdout).toContain("agentflow-tiny (weights, 384 tokens)");
    // A key of the environment is not printed.
    expect(stdout).not.toContain("tml-cli-test");
    expect(stdout).not.toContain("tml-elsewhere");
  });

  it("makes no folder for a model that is not there, and refuses a place where none can be made", async () => {
    const folder = join(scratch, "nothing");
    const none = await agentflow(["engine", "serve", "--model", "nothere", "--checkpoints", folder], {});
    expect([none.code, existsSync(folder)]).toEqual([2, false]);
    const file = join(scratch, "file");
    writeFileSync(file, "");
    const refused = await agentflow(["engine", "serve", "--checkpoints", join(file, "checkpoints")], {});
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("Checkpoints cannot be written to")]);
  });

  it("does not serve an adapter, which its clients would not train", async () => {
    const adapter = join(scratch, "adapter");
    mkdirSync(adapter);
    writeFileSync(join(adapter, "adapter_config.json"), "{}");
    const checkpoints = join(scratch, "none");
    const { code, stderr } = await agentflow(
      ["engine", "serve", "--model", adapter, "--checkpoints", checkpoints],
      right,
    );
    expect(code).toBe(2);
    expect(stderr).toContain(`${adapter} is an adapter, and clients train new adapters on a model: serve its base`);
  });

  it("prints commands that start SkyRL in lines of a terminal, from any folder", async () => {
    const start = ["engine", "start", "skyrl"];
    for (const more of [[], ["--gpus", "8", "--nodes", "2"]]) {
      const { code, stdout } = await agentflow([...start, "--model", "Qwen/Qwen2.5-7B-Instruct", ...more], {});
      expect([code, widthOf(stdout) <= 80]).toEqual([0, true]);
      expect(stdout).toContain("--base-model Qwen/Qwen2.5-7B-Instruct");
    }
    for (const model of ["./tiny", "models/agentflow-tiny"]) {
      const { stdout } = await agentflow([...start, "--model", model], {});
      expect(stdout).toContain(`--base-model ${join(root, model)}`);
      expect(stdout).toContain(`--model ${join(root, model)}`);
    }
  });
});
