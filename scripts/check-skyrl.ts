/**
 * SkyRL's server of the Tinker API on a CPU, as `agentflow engine start skyrl` starts it. From an adapter that SkyRL exports, one step
 * with signed coefficients and uneven lengths: on the embedded engine, on our server and on SkyRL, with the same log-probabilities
 * and the same norm of the gradient; three more steps have to run. Then a run of learning on a few tasks of the Almanac. It needs Python 3.12,
 * 7 GB and, the first time, 5 GB of downloads, and says so where Python is missing.
 *
 *   npm run check:skyrl         AGENTFLOW_PYTHON=<path of Python 3.12> where it is not on the path
 *   scripts/check-gpu.sh        the same on one GPU, with a larger model for the figures
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { almanac } from "../src/almanac/environment.ts";
import type { Engine, Policy, TrainingSequence } from "../src/engine.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import { bareClient } from "../src/engines/tinker/bare-client.ts";
import { openTinkerEngine, probeServer } from "../src/engines/tinker/index.ts";
import { httpTransport } from "../src/engines/tinker/transport.ts";
import { listen, tinkerServer } from "../src/engines/tinker-server/index.ts";
import { stateFiles } from "../src/engines/tinker-server/state-files.ts";
import { messageOf } from "../src/errors.ts";
import { learn, type Recipe, recipes } from "../src/learn/index.ts";
import { random, randomKey } from "../src/random.ts";
import { remotePlanner } from "../src/setup/remote-planner.ts";
import { type SkyrlCommand, type SkyrlOptions, skyrlCommands } from "../src/setup/skyrl.ts";
import { type PythonEnvironment, pythonEnvironment, run } from "./checks/python-environment.ts";
import { smallQwen3 } from "./checks/small-qwen3.ts";

const KEY = "tml-any";
const CLOSE = 1e-4;
const RANK = 4;
/** Of every adapter at SkyRL and at our server. */
const LORA = { rank: RANK, seed: 1, trainMlp: true, trainAttention: true };
const OPTIMISER = { learningRate: 1e-3, gradientClip: 0 };

/** On a GPU or on the CPU; what is measured is large enough to keep it busy. */
const gpu = process.argv.includes("--gpu");
const LOAD = gpu
  ? { hiddenSize: 1024, layers: 8, samples: 64, sampled: 256, trained: 64, length: 1024 }
  : { hiddenSize: 64, layers: 2, samples: 8, sampled: 32, trained: 8, length: 64 };

const root = mkdtempSync(join(tmpdir(), "agentflow-skyrl-"));
let fault = false;
const say = (isGood: boolean, what: string): void => {
  fault ||= !isGood;
  console.log(`${isGood ? "ok    " : "FAULT "} ${what}`);
};

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

/** `skyrlCommands` knows the server on the CPU: on a GPU it has one extra more, and products of float32 as on a CPU. */
const serverOn = (options: SkyrlOptions): Pick<SkyrlCommand, "argv" | "variables"> | undefined => {
  const server = skyrlCommands(options).at(-1);
  if (!gpu || server === undefined) return server;
  return {
    argv: server.argv.map((word) => word.replace("[tinker,jax]", "[tinker,jax,gpu]")),
    variables: { ...server.variables, JAX_PLATFORMS: "cuda", JAX_DEFAULT_MATMUL_PRECISION: "highest" },
  };
};

/** Starts SkyRL on a model; `stop` ends it and the engine that it has started. */
const startSkyrl = async (model: string, name: string, { variables: python }: PythonEnvironment) => {
  const folder = join(root, name);
  mkdirSync(folder);
  const port = await freePort();
  const server = serverOn({ model, folder, port });
  const [program = "", ...args] = server?.argv ?? [];
  const variables = { ...process.env, ...python, ...server?.variables, HF_HUB_OFFLINE: "1" };
  const child = spawn(program, args, { env: variables, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  child.once("error", (error) => {
    said += messageOf(error);
  });
  const url = `http://127.0.0.1:${port}`;
  for (let second = 0; ; second += 1) {
    const isUp = await fetch(`${url}/api/v1/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    if (child.exitCode !== null || second > 600) throw new Error(`SkyRL does not start: ${said}`);
    await sleep(1000);
  }
  return {
    url,
    folder,
    stop: async (): Promise<void> => {
      child.kill("SIGTERM");
      await Promise.race([ended, sleep(20_000, undefined, { ref: false })]);
      child.kill("SIGKILL");
    },
  };
};

const draws = random(randomKey("skyrl"));
const ID_LIMIT = 300;
/** Uneven lengths; the last tokens of each are trained, with coefficients of both signs. */
const sequences: readonly TrainingSequence[] = [12, 20, 9].map((length) => ({
  ids: Array.from({ length }, () => 5 + Math.floor(draws.next() * (ID_LIMIT - 5))),
  targets: Array.from({ length: length - 5 }, (_, i) => i + 5),
}));
const coefficients = sequences.map(({ targets }) => Float32Array.from(targets, () => 2 * draws.next() - 1));

interface Stepped {
  readonly before: readonly Float32Array[];
  readonly norm: number;
  readonly after: readonly Float32Array[];
}

const step = async (policy: Policy): Promise<Stepped> => {
  const { logProbs: before } = await policy.backward(sequences, coefficients);
  const { gradientNorm: norm } = await policy.optimStep(OPTIMISER);
  const { logProbs: after } = await policy.forward(sequences);
  return { before, norm, after };
};
const apart = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.flatMap((row, i) => [...row].map((value, t) => Math.abs(value - (b[i]?.[t] ?? Number.NaN)))));

/** A policy at a server that begins with a checkpoint there. */
const policyAt = async (engine: Engine, path: string): Promise<Policy> => {
  const policy = engine.policy("planner", { lora: LORA });
  const start = {
    schemaVersion: 1,
    kind: "tinker",
    base: engine.model,
    rank: RANK,
    path,
    version: "start",
    state: "start",
  };
  await policy.importState(new TextEncoder().encode(JSON.stringify(start)));
  return policy;
};

/** A fresh adapter at SkyRL: the path of its checkpoint, and the folder that it was exported to. */
const freshAdapter = async (url: string, folder: string, model: string) => {
  const transport = httpTransport(url);
  const client = bareClient(transport, KEY, model);
  const { id, next } = await client.model(await client.session(), 0);
  const save = async (type: string): Promise<string> =>
    String((await client.run(type, { model_id: id, path: "start", seq_id: next(), type })).json.path);
  const path = await save("save_weights");
  await save("save_weights_for_sampler");
  const exported = join(root, "adapter");
  mkdirSync(exported);
  const { code, text } = await run("tar", [
    "-xzf",
    join(folder, "checkpoints", id, "sampler_weights", "start.tar.gz"),
    "-C",
    exported,
  ]);
  if (code !== 0) throw new Error(`The adapter cannot be unpacked: ${text}`);
  await client.run("unload_model", { model_id: id, type: "unload_model" });
  transport.close();
  return { path, exported };
};

/** One step, and three more, on the embedded engine, on our server over HTTP and on SkyRL. */
const compare = async (skyrl: { readonly url: string; readonly folder: string }, model: string): Promise<void> => {
  const { path, exported } = await freshAdapter(skyrl.url, skyrl.folder, model);
  const local = { learns: "adapters", quantisation: "none" } as const;
  const embedded = await openEngine(model, { ...local, adapters: { planner: exported } });
  const { tokenizer } = embedded;
  const states = join(root, "states");
  const here = embedded.policy("planner");
  const about = { base: model, lora: LORA, time: new Date().toISOString() };
  await stateFiles(states).save("skyrl", "weights", "start", await here.exportState(), about);

  const served = await openEngine(model, local);
  const ours = await listen(tinkerServer({ engine: served, folder: states, token: KEY, model }));
  const atOurs = await openTinkerEngine({ url: ours.url, apiKey: KEY, model, tokenizer });
  const atSkyrl = await openTinkerEngine({ url: skyrl.url, apiKey: KEY, model, tokenizer, dialect: "skyrl-jax" });
  const policies = {
    "our server": await policyAt(atOurs, "tinker://skyrl/weights/start"),
    SkyRL: await policyAt(atSkyrl, path),
  };
  for (let number = 1; number <= 4; number += 1) {
    const one = await step(here);
    for (const [name, policy] of Object.entries(policies)) {
      const other = await step(policy);
      const [before, after] = [apart(one.before, other.before), apart(one.after, other.after)];
      const norms = Math.abs(other.norm / one.norm - 1);
      const figures = `log-probabilities ${before.toExponential(1)} before and ${after.toExponential(1)} after, norm ${one.norm.toFixed(4)} and ${other.norm.toFixed(4)} (${norms.toExponential(1)})`;
      // After the first step SkyRL's shared A of q, k and v goes a way of its own.
      const isSame = Math.max(before, after, norms) < CLOSE;
      say(
        isSame || (number > 1 && name === "SkyRL" && Number.isFinite(after)),
        `step ${number}, embedded and ${name}: ${figures}`,
      );
    }
  }
  await atSkyrl.dispose();
  await atOurs.dispose();
  await ours.close();
  await served.dispose();
  await embedded.dispose();
};

/** Tokens a second of sampling and of training, after a first round that compiles. */
const measure = async (url: string, model: string): Promise<void> => {
  const local = await openEngine(model, { learns: "adapters" });
  const { tokenizer } = local;
  const engine = await openTinkerEngine({ url, apiKey: KEY, model, tokenizer, dialect: "skyrl-jax" });
  const policy = engine.policy("planner", { lora: LORA });
  await policy.publish();
  const { samples, sampled, trained, length } = LOAD;
  const ids = Array.from({ length }, (_, at) => 5 + (at % 250));
  const round = async (number: number): Promise<readonly [sampling: number, training: number]> => {
    const begun = performance.now();
    const drawn = await Promise.all(
      Array.from({ length: samples }, (_, i) =>
        policy.sample({
          prompt: [{ ids: ids.slice(0, 32), sampled: false }],
          history: `${number}/${i}`,
          randomKey: randomKey("measure", number, i),
          maxTokens: sampled,
          stopIds: [],
        }),
      ),
    );
    const between = performance.now();
    const batch = Array.from({ length: trained }, () => ({ ids, targets: ids.map((_, at) => at).slice(1) }));
    await policy.backward(
      batch,
      batch.map(({ targets }) => new Float32Array(targets.length).fill(1 / length)),
    );
    await policy.optimStep(OPTIMISER);
    const tokens = drawn.reduce((sum, sample) => sum + sample.ids.length, 0);
    return [(1000 * tokens) / (between - begun), (1000 * trained * length) / (performance.now() - between)];
  };
  await round(0);
  const [sampling, training] = await round(1);
  console.log(
    `        ${samples} samples at once: ${sampling.toFixed(0)} tokens/s; ${trained} sequences of ${length} tokens, forward and a step: ${training.toFixed(0)} tokens/s`,
  );
  await engine.dispose();
  await local.dispose();
};

/** Small, since each new length and number of sequences is compiled anew. */
const recipe: Recipe = {
  ...recipes.flowOnly,
  steps: 2,
  grpo: {
    ...recipes.flowOnly.grpo,
    groupSize: 8,
    tasksPerStep: 4,
    minimumMixedGroups: 0,
    fullStepGroups: 0,
    maxRefills: 0,
    klEvery: 0,
  },
  replay: { ...recipes.flowOnly.replay, episodes: 2, states: 2, pool: 12 },
  exercises: { ...recipes.flowOnly.exercises, sequences: 2, pool: 12 },
  validation: { tasks: 4, every: 1 },
  checkpointEvery: 1,
  fixedOrderTasks: 4,
  concurrency: 8,
};

const learnAt = async (url: string, model: string): Promise<void> => {
  const planner = remotePlanner(model, { engine: url }, { TINKER_API_KEY: KEY });
  const begun = Date.now();
  const course = learn({ environment: almanac(), planner, recipe, folder: join(root, "runs"), seed: 7, evalTasks: 2 });
  for await (const event of course) {
    if (event.type === "diagnosis") console.log(`        ${event.message}`);
    if (event.type === "step-end") {
      const { reward, gradientNorm } = event.metrics as {
        readonly reward: { readonly mean: number };
        readonly gradientNorm?: number;
      };
      console.log(
        `        step ${event.step}: reward ${reward.mean.toFixed(3)}, gradient ${gradientNorm?.toFixed(3) ?? "none"}`,
      );
    }
  }
  const { before, after } = await course.report;
  const seconds = Math.round((Date.now() - begun) / 1000);
  say(after.weights !== before.weights, `learn --engine: ${recipe.steps} steps on the Almanac in ${seconds} s`);
};

const writeModel = async (name: string, sizes: { readonly hiddenSize?: number; readonly layers?: number } = {}) => {
  const folder = join(root, name);
  const texts = ["the quick brown fox jumps over the lazy dog, question answer search the web"];
  const engine = await smallQwen3({ texts, vocabularySize: 320, seed: 1, ...sizes });
  await engine.policy("planner").save(folder);
  await engine.dispose();
  return folder;
};

const environment = await pythonEnvironment("skyrl", { versions: ["3.12"] });
try {
  if (typeof environment === "string") console.log(`skyrl: skipped, ${environment}`);
  else if (process.argv.includes("--install")) {
    const { argv = [] } = serverOn({ model: "none", folder: root }) ?? {};
    const [program = "", ...args] = argv.slice(0, argv.indexOf("-m"));
    const { code, text } = await run(program, [...args, "python", "--version"], { variables: environment.variables });
    say(code === 0, `SkyRL is installed: ${text.trim().split("\n").at(-1)}`);
    if (code !== 0) process.exitCode = 1;
  } else {
    const model = await writeModel("small-qwen3");
    const skyrl = await startSkyrl(model, "first", environment);
    try {
      const { dialect, findings } = await probeServer({ url: skyrl.url, apiKey: KEY });
      for (const { what, found } of findings) console.log(`        ${what}: ${found}`);
      say(dialect === "skyrl-jax", `the probe finds the dialect ${dialect}`);
      await compare(skyrl, model);
      if (!gpu) await measure(skyrl.url, model);
    } finally {
      await skyrl.stop();
    }
    if (gpu) {
      const { hiddenSize, layers } = LOAD;
      const large = await writeModel("larger-qwen3", { hiddenSize, layers });
      const third = await startSkyrl(large, "third", environment);
      try {
        await measure(third.url, large);
      } finally {
        await third.stop();
      }
    }
    const planner = join(import.meta.dirname, "..", "models", "agentflow-tiny");
    const second = await startSkyrl(planner, "second", environment);
    try {
      await learnAt(second.url, planner);
    } finally {
      await second.stop();
    }
    console.log(`skyrl: ${fault ? "FAULTS" : "all of it holds"}`);
    if (fault) process.exitCode = 1;
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
