/**
 * The official Python client of the Tinker API, unchanged, at our server: every call that training needs, on all weights and on adapters;
 * then tinker-cookbook's recipe `math_rl`, which learns sums and is resumed after the server was started again. It needs Python
 * 3.11 or newer and, the first time, 4 GB of downloads (PyTorch comes with the cookbook), and says so where Python is missing. Other
 * programs of the official client are run as well when they are named.
 *
 *   npm run check:tinker-sdk                    AGENTFLOW_PYTHON=<path> where Python is not on the path
 *   npm run check:tinker-sdk -- program.py
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheFolder } from "../src/cache-folder.ts";
import { type PythonEnvironment, pythonEnvironment, run } from "./checks/python-environment.ts";
import { writeSumsModel } from "./checks/sums-model.ts";

const KEY = "tml-check";
const STEPS = 24;
const MORE = 6;
const root = mkdtempSync(join(tmpdir(), "agentflow-tinker-sdk-"));
let fault = false;
const say = (isGood: boolean, what: string): void => {
  fault ||= !isGood;
  console.log(`${isGood ? "ok    " : "FAULT "} ${what}`);
};

/** `agentflow engine serve`, until `stop`. */
const serve = async (model: string, learns: string, checkpoints: string) => {
  const main = join(import.meta.dirname, "..", "src", "cli", "main.ts");
  const args = ["engine", "serve", "--model", model, "--learns", learns, "--port", "0", "--checkpoints", checkpoints];
  const child: ChildProcess = spawn(process.execPath, [...process.execArgv, main, ...args], {
    env: { ...process.env, AGENTFLOW_ENGINE_KEY: KEY },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  for (;;) {
    const [, url] = /TINKER_BASE_URL=(\S+)/.exec(said) ?? [];
    if (url !== undefined)
      return {
        url,
        stop: async (): Promise<void> => {
          child.kill("SIGINT");
          await ended;
        },
      };
    if (child.exitCode !== null) throw new Error(`The server does not start: ${said}`);
    await sleep(100);
  }
};

const clientOf = (url: string, model: string): NodeJS.ProcessEnv => ({
  TINKER_BASE_URL: url,
  TINKER_API_KEY: KEY,
  TINKER_TELEMETRY: "0",
  PYTHONWARNINGS: "ignore",
  HF_HUB_OFFLINE: "1",
  TOKENIZERS_PARALLELISM: "false",
  MODEL: model,
});

/** Programs of the official client. One that prints a line that begins with FAIL has failed. */
const runPrograms = async ({ python }: PythonEnvironment, programs: readonly string[]): Promise<void> => {
  const model = join(import.meta.dirname, "..", "models", "agentflow-tiny");
  for (const learns of ["weights", "adapters"]) {
    const { url, stop } = await serve(model, learns, join(root, learns));
    for (const program of programs) {
      const { code, text } = await run(python, [program], { variables: clientOf(url, model) });
      console.log(text.trimEnd());
      say(code === 0 && !/^(?:FAIL|failed)/m.test(text), `${program} on ${learns}`);
    }
    await stop();
  }
};

interface Row {
  readonly "env/all/reward/total": number;
  readonly "env/all/correct": number;
  readonly "optim/kl_sample_train_v1"?: number;
}

/** The cookbook's `math_rl` on sums, and the same resumed at a server that was started again. */
const runCookbook = async ({ python }: PythonEnvironment, model: string): Promise<void> => {
  const log = join(root, "math_rl");
  for (const [steps, behaviour] of [
    [STEPS, "delete"],
    [STEPS + MORE, "resume"],
  ] as const) {
    const { url, stop } = await serve(model, "weights", join(root, "checkpoints"));
    const begun = Date.now();
    const settings = {
      model_name: model,
      renderer_name: "qwen3_instruct",
      env: "arithmetic",
      group_size: 8,
      groups_per_batch: 32,
      max_tokens: 5,
      lora_rank: 8,
      learning_rate: 3e-4,
      loss_fn: "importance_sampling",
      save_every: 6,
      eval_every: 0,
      max_steps: steps,
      log_path: log,
      behavior_if_log_dir_exists: behaviour,
    };
    const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const { code, text } = await run(python, ["-m", "tinker_cookbook.recipes.math_rl.train", ...words], {
      variables: clientOf(url, model),
    });
    await stop();
    say(code === 0, `math_rl to step ${steps} (${behaviour}), ${Math.round((Date.now() - begun) / 1000)} s`);
    if (code !== 0) console.log(text.slice(-3000));
  }
  const file = join(log, "metrics.jsonl");
  // A run that ends adds a row of its own.
  const rows = (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [])
    .map((line) => JSON.parse(line) as Partial<Row>)
    .filter((row): row is Row => row["env/all/reward/total"] !== undefined);
  const rewards = rows.map((row) => row["env/all/reward/total"]);
  console.log(`        reward by step: ${rewards.map((reward) => reward.toFixed(2)).join(" ")}`);
  console.log(`        right by step:  ${rows.map((row) => row["env/all/correct"].toFixed(2)).join(" ")}`);
  const apart = Math.max(...rows.map((row) => Math.abs(row["optim/kl_sample_train_v1"] ?? 0)));
  console.log(`        sampler and trainer are ${apart.toExponential(1)} nats a token apart at most`);
  const mean = (part: readonly number[]): number => part.reduce((sum, one) => sum + one, 0) / part.length;
  const [first, last] = [mean(rewards.slice(0, 4)), mean(rewards.slice(-4))];
  say(rows.length === STEPS + MORE, `${rows.length} steps are logged`);
  say(last > first + 0.05, `the mean reward of four steps rises from ${first.toFixed(2)} to ${last.toFixed(2)}`);
};

const environment = await pythonEnvironment("tinker-sdk", {
  versions: ["3.12", "3.13", "3.11"],
  packages: ["tinker==0.38.0", "tinker-cookbook==0.6.1", "math-verify", "sympy", "pylatexenc"],
  // It is asked for in a version that is not published, and imported by nothing that is used here.
  without: ["tml-renderers"],
});
try {
  if (typeof environment === "string") console.log(`tinker-sdk: skipped, ${environment}`);
  else {
    const own = join(import.meta.dirname, "checks", "tinker-sdk.py");
    await runPrograms(environment, [own, ...process.argv.slice(2)]);
    const model = join(cacheFolder(process.env), "checks", "sums-qwen3");
    if (!existsSync(model)) {
      console.log("        making a small model that half knows sums (minutes)");
      await writeSumsModel(model);
    }
    await runCookbook(environment, model);
    console.log(`tinker-sdk: ${fault ? "FAULTS" : "all of it holds"}`);
    if (fault) process.exitCode = 1;
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
