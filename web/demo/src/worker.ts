/** The thread that plans and learns: the page itself only shows what it says. */
import { zipSync } from "fflate";
import { env } from "onnxruntime-web";
import { openWebRuntime } from "../../../src/engines/onnx/carriers/ort-web.ts";
import { oneAtATime } from "../../../src/engines/onnx/policies.ts";
import { ask } from "./ask.ts";
import { learning } from "./learning.ts";
import type { Message, Request } from "./messages.ts";
import { installImmediate } from "./node/immediate.ts";
import { type DemoPlanner, openPlanner, type PlannerFiles } from "./planner.ts";
import { RECIPE } from "./recipe.ts";

/** Steps between two looks at the question that the page shows. */
const ASKED_EVERY = 5;

installImmediate();

const say = (message: Message): void => postMessage(message);

const bytesOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(new URL(path, self.location.href));
  if (!response.ok) throw new Error(`${path} could not be loaded: ${response.status} ${response.statusText}.`);
  return new Uint8Array(await response.arrayBuffer());
};

/** Some hosts unpack what they send, others do not: gzip is known by its first two bytes. */
const unpacked = async (bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> =>
  bytes[0] === 0x1f && bytes[1] === 0x8b
    ? new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
    : bytes.buffer;

const plannerFiles = async (): Promise<PlannerFiles> => {
  const text = async (name: string): Promise<string> => new TextDecoder().decode(await bytesOf(`../planner/${name}`));
  const [config, tokenizer, weights] = await Promise.all([
    text("config.json"),
    text("tokenizer.json"),
    bytesOf("../planner/model.safetensors"),
  ]);
  return { config: JSON.parse(config), tokenizer: JSON.parse(tokenizer), weights };
};

const open = async (): Promise<DemoPlanner> => {
  const [runtime, files] = await Promise.all([bytesOf("runtime.bin").then(unpacked), plannerFiles()]);
  env.wasm.wasmBinary = runtime;
  // More threads need headers that a static host does not send.
  return openPlanner(await openWebRuntime({ threads: 1 }), files);
};

const opened = open();
/** The version that the page came with, to which a reset goes back. */
const started = opened.then(({ policy }) => ({ version: policy.version, letGo: policy.hold(policy.version) }));

let question = "";
let step = 0;
let learnt: Readonly<Record<string, unknown>> = { steps: 0 };
let running = false;
let resume: (() => void) | undefined;
let paused: Promise<void> | undefined;
let stop = new AbortController();

/** One question at a time: a run looks at its question while a person may ask another. */
const asking = oneAtATime();
const askNow = (planner: DemoPlanner): Promise<void> =>
  asking.exclusive(async () => {
    if (question !== "") say({ type: "asked", ...(await ask(planner, question, step)) });
  });

const goOn = (): void => {
  resume?.();
  paused = undefined;
  resume = undefined;
};

const learn = async (planner: DemoPlanner, options: Extract<Request, { type: "learn" }>): Promise<void> => {
  running = true;
  stop = new AbortController();
  await reset(planner);
  const { seed, shuffled, steps = RECIPE.steps } = options;
  let seconds = 0;
  let since = performance.now();
  try {
    for await (const event of learning(planner, { ...options, abortSignal: stop.signal })) {
      say(event);
      if (event.type === "stepped") {
        step = event.step;
        if (step % ASKED_EVERY === 0 && step < steps) await askNow(planner);
      }
      if (paused) {
        seconds += performance.now() - since;
        await paused;
        since = performance.now();
      }
      stop.signal.throwIfAborted();
    }
    seconds = (seconds + performance.now() - since) / 1000;
    learnt = { command: "learn", seed, shuffled, steps };
    await askNow(planner);
    say({ type: "learnt", version: planner.policy.version, seconds, steps });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    running = false;
  }
};

const reset = async ({ policy }: DemoPlanner): Promise<void> => {
  await policy.restore((await started).version);
  step = 0;
  learnt = { steps: 0 };
};

const ended = async (): Promise<void> => {
  stop.abort();
  goOn();
  while (running) await new Promise((later) => setTimeout(later, 20));
};

const answer = async (request: Request): Promise<void> => {
  const planner = await opened;
  switch (request.type) {
    case "ask":
      question = request.question;
      return askNow(planner);
    case "learn":
      await ended();
      return learn(planner, request);
    case "pause":
      paused ??= new Promise((later) => {
        resume = later;
      });
      return undefined;
    case "resume":
      return goOn();
    case "reset":
      await ended();
      await reset(planner);
      say({ type: "reset-done", version: planner.policy.version });
      return askNow(planner);
    case "save": {
      const files = await planner.folder({ model: planner.engine.model, ...learnt });
      const encoder = new TextEncoder();
      const entries = [...files].map(([name, content]): [string, Uint8Array] => [
        `planner/${name}`,
        typeof content === "string" ? encoder.encode(content) : content,
      ]);
      const zip = zipSync(Object.fromEntries(entries), { mtime: new Date(2026, 0, 1) });
      return say({ type: "saved", zip, version: planner.policy.version });
    }
  }
};

const failed = (error: unknown): void =>
  say({ type: "failed", message: error instanceof Error ? error.message : String(error) });

self.onmessage = ({ data }: MessageEvent<Request>) => void answer(data).catch(failed);
opened.then(({ engine, policy }) => {
  const { parameters, runtime, version } = engine.description;
  say({ type: "ready", parameters: Number(parameters), version: policy.version, runtime: `${runtime} ${version}` });
}, failed);
