/** What the page shows, put together from what its worker says. */

import type { Asked, Message, Request } from "./messages.ts";
import { RECIPE } from "./recipe.ts";

export interface Measured {
  readonly step: number;
  readonly accuracy: number;
  readonly interval: readonly [low: number, high: number];
  readonly n: number;
}

/** What a link says: the run to repeat, and the weights that came of it. */
export interface Shared {
  readonly seed?: number | undefined;
  readonly shuffled?: boolean | undefined;
  readonly weights?: string | undefined;
  readonly question?: string | undefined;
}

export type Phase = "loading" | "ready" | "learning" | "paused" | "learnt" | "failed";

export const readLink = (hash: string): Shared => {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const seed = Number(fields.get("seed") ?? Number.NaN);
  const weights = fields.get("weights") ?? "";
  return {
    seed: Number.isSafeInteger(seed) && seed >= 0 ? seed : undefined,
    shuffled: fields.get("shuffled") === "1",
    weights: /^[0-9a-f]{64}$/.test(weights) ? weights : undefined,
    question: fields.get("question")?.slice(0, 200) || undefined,
  };
};

export const writeLink = ({ seed, shuffled, weights, question }: Required<Shared>): string => {
  const fields = new URLSearchParams({ seed: String(seed ?? 1) });
  if (shuffled) fields.set("shuffled", "1");
  if (weights !== undefined) fields.set("weights", weights);
  if (question !== undefined) fields.set("question", question);
  return `#${fields}`;
};

export class Demo {
  phase = $state<Phase>("loading");
  failure = $state("");
  parameters = $state(0);
  runtime = $state("");
  version = $state("");
  startVersion = $state("");
  step = $state(0);
  steps = $state<number>(RECIPE.steps);
  seconds = $state<number | undefined>(undefined);
  asked = $state.raw<Asked | undefined>(undefined);
  before = $state.raw<Asked | undefined>(undefined);
  asking = $state(false);
  rewards = $state.raw<readonly number[]>([]);
  measured = $state.raw<readonly Measured[]>([]);
  group = $state.raw<Extract<Message, { type: "group" }> | undefined>(undefined);
  /** Of the run that is shown. */
  seed = $state(1);
  shuffled = $state(false);

  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<Message>) => this.#take(data);
    this.#worker.onerror = ({ message }) =>
      this.#take({ type: "failed", message: message || "The worker could not start." });
  }

  #say(request: Request): void {
    this.#worker.postMessage(request);
  }

  ask(question: string): void {
    this.asking = true;
    if (question !== this.before?.question) this.before = undefined;
    this.#say({ type: "ask", question });
  }

  learn(options: {
    readonly seed: number;
    readonly shuffled: boolean;
    readonly steps?: number;
    readonly measured?: number;
  }): void {
    this.seed = options.seed;
    this.shuffled = options.shuffled;
    this.steps = options.steps ?? RECIPE.steps;
    this.#clear();
    this.phase = "learning";
    this.#say({ type: "learn", ...options });
  }

  pause(): void {
    this.phase = "paused";
    this.#say({ type: "pause" });
  }

  resume(): void {
    this.phase = "learning";
    this.#say({ type: "resume" });
  }

  reset(): void {
    this.#clear();
    this.#say({ type: "reset" });
  }

  save(): void {
    this.#say({ type: "save" });
  }

  #clear(): void {
    this.step = 0;
    this.rewards = [];
    this.measured = [];
    this.group = undefined;
    this.seconds = undefined;
  }

  #take(message: Message): void {
    switch (message.type) {
      case "ready":
        this.parameters = message.parameters;
        this.runtime = message.runtime;
        this.version = message.version;
        this.startVersion = message.version;
        this.phase = "ready";
        break;
      case "asked":
        this.asking = false;
        this.asked = message;
        if (message.step === 0) this.before = message;
        break;
      case "measured": {
        const { accuracy, interval, n } = message.accuracy;
        this.measured = [...this.measured, { step: message.step, accuracy, n, interval }];
        break;
      }
      case "stepped":
        this.step = message.step;
        this.version = message.version;
        this.rewards = [...this.rewards, message.reward];
        break;
      case "group":
        this.group = message;
        break;
      case "learnt":
        this.seconds = message.seconds;
        this.version = message.version;
        this.phase = "learnt";
        break;
      case "reset-done":
        this.version = message.version;
        this.phase = "ready";
        break;
      case "saved":
        download(message.zip, `archipelago-planner-${message.version.slice(0, 12)}.zip`);
        break;
      case "failed":
        this.failure = message.message;
        this.phase = "failed";
        this.asking = false;
        break;
    }
  }
}

const download = (bytes: Uint8Array, name: string): void => {
  const address = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/zip" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
};
