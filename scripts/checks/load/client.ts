/**
 * The client of `check:load`, in a process of its own, so that time and memory are the client's alone: many rollouts at
 * once, each some turns one after another, whose prompts grow. Sends one message with its figures.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Sample } from "../../../src/engine.ts";
import { openTinkerEngine, type Transport } from "../../../src/engines/tinker/index.ts";
import { httpTransport } from "../../../src/engines/tinker/transport.ts";
import { randomKey } from "../../../src/index.ts";
import { wordTokenizer } from "../../../src/testing/index.ts";
import { mapConcurrently } from "../../../src/train/index.ts";
import { echoOf, MODEL } from "./echo.ts";

export interface ClientOptions {
  readonly url: string;
  readonly rollouts: number;
  readonly turns: number;
  /** Rollouts under way at once. */
  readonly atOnce: number;
  readonly promptTokens: number;
  /** Whether the server is the double, whose samples are a function of the prompt. Else equal requests are equal samples. */
  readonly echoes: boolean;
  /** The variant without `node:http`. */
  readonly broken: boolean;
}

export interface ClientFigures {
  readonly requests: number;
  readonly lost: number;
  readonly mixedUp: number;
  readonly processorMs: number;
  readonly seconds: number;
  /** At most, and before the first request. */
  readonly megabytes: number;
  readonly megabytesBefore: number;
  readonly mostAtOnce: number;
  readonly delayMs: number;
}

const viaFetch =
  (url: string): Transport =>
  async ({ method, path, headers, body, abortSignal = null }) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      signal: abortSignal,
      ...(body !== undefined && { body: Buffer.from(body) }),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: Object.fromEntries(response.headers), body: bytes };
  };

const run = async (options: ClientOptions): Promise<ClientFigures> => {
  const { url, rollouts, turns, atOnce, promptTokens, echoes, broken } = options;
  let requests = 0;
  let underWay = 0;
  let mostAtOnce = 0;
  const plain = broken ? viaFetch(url) : httpTransport(url);
  const transport: Transport = (request) => {
    requests += 1;
    return plain(request);
  };
  const tokenizer = wordTokenizer(["word"]);
  const engine = await openTinkerEngine({ url, apiKey: "tml-load", model: MODEL, tokenizer, transport });
  const policy = engine.policy("planner", { lora: { rank: 4 } });
  const known = new Map<string, string>();
  let lost = 0;
  let mixedUp = 0;
  const turn = async (rollout: number, prompt: readonly number[], t: number): Promise<Sample | undefined> => {
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    try {
      return await policy.sample({
        prompt: [{ ids: prompt, sampled: false }],
        history: `${rollout}`,
        randomKey: randomKey("load", rollout % 100, t),
        maxTokens: 8,
        stopIds: [],
      });
    } catch {
      lost += 1;
      return undefined;
    } finally {
      underWay -= 1;
    }
  };
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const megabytesBefore = process.memoryUsage.rss() / 2 ** 20;
  let megabytes = megabytesBefore;
  const watch = setInterval(() => {
    megabytes = Math.max(megabytes, process.memoryUsage.rss() / 2 ** 20);
  }, 50);
  const [before, begun] = [process.cpuUsage(), performance.now()];
  await mapConcurrently(
    Array.from({ length: rollouts }, (_, i) => i),
    atOnce,
    async (rollout) => {
      let prompt = Array.from({ length: promptTokens }, (_, i) => ((rollout % 100) * 7 + i * 3) % 50);
      for (let t = 0; t < turns; t += 1) {
        const sample = await turn(rollout, prompt, t);
        if (sample === undefined) return;
        const [found, name] = [sample.ids.join(), `${rollout % 100}/${t}`];
        const expected = echoes ? echoOf(prompt).join() : (known.get(name) ?? found);
        known.set(name, expected);
        if (found !== expected) mixedUp += 1;
        prompt = [...prompt, ...sample.ids];
      }
    },
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - begun) / 1000;
  clearInterval(watch);
  delay.disable();
  const figures = {
    requests,
    lost,
    mixedUp,
    processorMs: (user + system) / 1000,
    seconds,
    megabytes,
    megabytesBefore,
    mostAtOnce,
  };
  await engine.dispose();
  return { ...figures, delayMs: delay.percentile(99) / 1e6 };
};

process.once("message", async (options: ClientOptions) => {
  process.send?.(await run(options), () => process.exit(0));
});
