/**
 * Workers over a real server of NATS (Debian: `apt-get install nats-server`): two workers do the rollouts of a run, one is
 * killed in the midst of a solve, and the server is killed and started again in the midst of a step. Every step completes,
 * each rollout counts once, and the run has the bits of one without workers.
 *
 *   npm run check:workers        NATS_SERVER=/usr/sbin/nats-server where it is not on the path
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type LearnEvent, type LearnReport, type LearnRun, learn, type Recipe, recipes } from "../src/learn/index.ts";
import { leverEnvironment, leverPolicy } from "../src/testing/index.ts";
import { natsQueue } from "../src/workers/index.ts";

const program = process.env.NATS_SERVER ?? "nats-server";
if (spawnSync(program, ["--version"]).error !== undefined) {
  console.log(`workers: skipped, there is no ${program} here (apt-get install nats-server, or name it in NATS_SERVER)`);
  process.exit(0);
}

const recipe: Recipe = {
  ...recipes.micro,
  steps: 6,
  grpo: { ...recipes.micro.grpo, groupSize: 8, tasksPerStep: 4, minimumMixedGroups: 0, fullStepGroups: 0 },
  learningRate: { peak: 0.3, warmUp: 1, finalShare: 1 },
  replay: { ...recipes.micro.replay, episodes: 2, states: 2, pool: 4 },
  validation: { tasks: 4, every: 2 },
  checkpointEvery: 2,
  fixedOrderTasks: 4,
  concurrency: 8,
};
const root = mkdtempSync(join(tmpdir(), "agentflow-workers-"));
const children = new Set<ChildProcess>();
const start = (command: string, args: readonly string[]): ChildProcess => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
};
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
};
const rowsOf = (folder: string): readonly string[] =>
  ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl"].map((name) => readFileSync(join(folder, name), "utf8"));

const readAll = async (run: LearnRun, onEvent: (event: LearnEvent) => void): Promise<LearnReport> => {
  for await (const event of run) onEvent(event);
  return run.report;
};
const options = { environment: leverEnvironment(), recipe, folder: root, seed: 3 };

try {
  const alone = await readAll(learn({ ...options, planner: leverPolicy().engine }), () => undefined);
  const undisturbed = rowsOf(join(root, alone.run));

  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const broker = (): ChildProcess =>
    start(program, ["-a", "127.0.0.1", "-p", String(port), "-l", join(root, "nats.log")]);
  let serving = broker();
  await sleep(1000);
  const file = fileURLToPath(new URL("../test/fixtures/worker.ts", import.meta.url));
  const worker = (address: string, ...args: readonly string[]): ChildProcess =>
    start(process.execPath, [...process.execArgv, file, address, ...args]);
  const flag = join(root, "training");
  const seen: string[] = [];
  let folder = "";
  let living: ChildProcess | undefined;
  let restarted: Promise<void> | undefined;
  const restart = async (): Promise<void> => {
    serving.kill("SIGKILL");
    await sleep(2000);
    serving = broker();
    seen.push("the server of NATS was killed, and started again after 2 s");
  };
  await readAll(
    learn({ ...options, planner: leverPolicy().engine, queue: natsQueue({ url, leaseSeconds: 4 }) }),
    (event) => {
      if (event.type === "run-start") folder = event.folder;
      if (event.type === "training-start") writeFileSync(flag, "");
      if (event.type === "step-end") seen.push(`step ${event.step}`);
      if (event.type === "step-end" && event.step === 2) restarted = restart();
      if (event.type !== "stage") return;
      if (event.stage.includes("is gone")) seen.push(event.stage);
      const [, address] = /agentflow worker (\S+)/.exec(event.stage) ?? [];
      if (address === undefined) return;
      const dying = worker(address, "dying", flag);
      dying.stdout?.setEncoding("utf8").on("data", (said: string) => {
        living ??= worker(address, "living");
        if (said.includes("hanging")) dying.kill("SIGKILL");
      });
    },
  );
  await restarted;
  const same = JSON.stringify(rowsOf(folder)) === JSON.stringify(undisturbed);
  const rows = readFileSync(join(folder, "timings.jsonl"), "utf8").trim().split("\n");
  const made = rows.map((row) => JSON.parse(row)).filter(({ step }) => step !== undefined);
  const counts = made.map(({ workers }) => Object.values(workers as Record<string, string[]>).flat());
  const whole = counts.every((ids) => ids.length === 32 && new Set(ids).size === 32);
  for (const line of seen) console.log(line);
  for (const { step, workers } of made)
    console.log(
      `step ${step + 1}: ${Object.entries(workers as Record<string, string[]>)
        .map(([name, ids]) => `${name} ${ids.length}`)
        .join(", ")} of 32 rollouts`,
    );
  const lost = seen.some((line) => line.startsWith("the worker dying is gone"));
  const complete = made.length === recipe.steps;
  console.log(JSON.stringify({ check: "workers", steps: made.length, same, eachOnce: whole, workerLost: lost }));
  process.exitCode = same && whole && lost && complete ? 0 : 1;
  if (living?.exitCode === null) await Promise.race([once(living, "exit"), sleep(10_000)]);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
}
