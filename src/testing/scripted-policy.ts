import { FRAME_CONVERSATIONS, frameFrom } from "../chat-frame.ts";
import {
  type ChatTemplate,
  type Engine,
  type ForwardResult,
  type ImportanceWeights,
  isPlainDraw,
  type OptimStepOptions,
  type Policy,
  type SampleRequest,
  type Tokenizer,
  type TrainingSequence,
} from "../engine.ts";
import type { ChatMessage } from "../model.ts";
import { defined } from "../options.ts";

const SPECIAL = ["<end>", "<answer>", "<pad>"];

/**
 * UTF-8 bytes as token ids, and the special tokens after them.
 *
 * @example
 * ```ts
 * import { byteTokenizer } from "agentflow/testing";
 *
 * console.log(byteTokenizer().encode("stock"));
 * ```
 */
export const byteTokenizer = (): Tokenizer => ({
  vocabularySize: 256 + SPECIAL.length,
  encode: (text) => [...new TextEncoder().encode(text)],
  decode: (ids) => {
    let text = "";
    let bytes: number[] = [];
    const flush = (): void => {
      text += new TextDecoder().decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (const id of ids) {
      if (id < 256) bytes.push(id);
      else {
        flush();
        text += SPECIAL[id - 256] ?? "";
      }
    }
    flush();
    return text;
  },
  idOf: (token) => {
    const special = SPECIAL.indexOf(token);
    if (special >= 0) return 256 + special;
    const bytes = new TextEncoder().encode(token);
    return bytes.length === 1 ? bytes[0] : undefined;
  },
});

/**
 * The same, which reads `<end>` in a text as that token: what ends a message of `plainChat`.
 *
 * @example
 * ```ts
 * import { chatTokenizer, scriptedPolicy } from "agentflow/testing";
 *
 * const policy = scriptedPolicy(() => "stock A-17", { tokenizer: chatTokenizer() });
 * ```
 */
export const chatTokenizer = (): Tokenizer => {
  const bytes = byteTokenizer();
  const endId = bytes.idOf("<end>") as number;
  return {
    ...bytes,
    encode: (text) => text.split("<end>").flatMap((part, i) => [...(i > 0 ? [endId] : []), ...bytes.encode(part)]),
  };
};

const plainText = (messages: readonly ChatMessage[], addGenerationPrompt: boolean): string =>
  messages.map(({ role, content }) => `[${role}] ${content}<end>\n`).join("") +
  (addGenerationPrompt ? "[assistant] " : "");

/** A chat template in its plainest form: each message is `[role] content<end>` on a line. */
export const plainChat: ChatTemplate = {
  render: async (messages, { addGenerationPrompt = false } = {}) => plainText(messages, addGenerationPrompt),
  frame: frameFrom(plainText(FRAME_CONVERSATIONS[0], true), plainText(FRAME_CONVERSATIONS[1], true)),
};

/** What a policy double got, in order. */
export interface PolicyLog {
  readonly samples: SampleRequest[];
  readonly released: string[];
  readonly backward: {
    readonly sequences: readonly TrainingSequence[];
    readonly coefficients: readonly Float32Array[];
    readonly importance?: ImportanceWeights | undefined;
  }[];
  readonly steps: OptimStepOptions[];
  /** Versions that somebody holds. */
  readonly held: Map<string, number>;
}

export interface ScriptedPolicy extends Policy {
  readonly log: PolicyLog;
}

export interface ScriptedPolicyOptions {
  readonly name?: string;
  /** @default 4096 */
  readonly contextLength?: number;
  /** Log-probability of every token. @default -0.5 */
  readonly logProb?: number;
  readonly tokenizer?: Tokenizer;
  /** Makes its engine a chat model, whose replies end with `<end>`; the tokenizer is then `chatTokenizer` by default. */
  readonly chat?: ChatTemplate;
}

/**
 * A policy double without weights: `reply` gives a text for the prompt's text, to which `<end>` is added unless the
 * limit cuts it; an array of ids is taken as it is. Publishing counts `version-0`, `version-1`, ….
 *
 * @example
 * ```ts
 * import { modelPlanner } from "agentflow";
 * import { scriptedPolicy } from "agentflow/testing";
 *
 * const policy = scriptedPolicy(() => "stock q1");
 * const planner = modelPlanner(policy);
 * console.log(policy.log.samples.length);
 * ```
 */
export const scriptedPolicy = (
  reply: (prompt: string, request: SampleRequest) => string | readonly number[],
  { name = "planner", contextLength = 4096, logProb = -0.5, chat, ...options }: ScriptedPolicyOptions = {},
): ScriptedPolicy => {
  const tokenizer = options.tokenizer ?? (chat === undefined ? byteTokenizer() : chatTokenizer());
  const log: PolicyLog = { samples: [], released: [], backward: [], steps: [], held: new Map() };
  const endId = tokenizer.idOf("<end>");
  let version = 0;
  const forward = (sequences: readonly TrainingSequence[]): ForwardResult => ({
    logProbs: sequences.map(({ targets }) => new Float32Array(targets.length).fill(logProb)),
    entropies: sequences.map(({ targets }) => new Float32Array(targets.length).fill(-logProb)),
  });
  const policy: ScriptedPolicy = {
    name,
    log,
    engine: {} as Engine,
    get version() {
      return `version-${version}`;
    },
    sample: async (request) => {
      log.samples.push(request);
      request.abortSignal?.throwIfAborted();
      const text = reply(tokenizer.decode(request.prompt.flatMap(({ ids }) => ids)), request);
      const all =
        typeof text === "string" ? [...tokenizer.encode(text), ...(endId === undefined ? [] : [endId])] : text;
      const ids = all.slice(0, request.maxTokens);
      const stopped = request.stopIds.includes(ids.at(-1) ?? -1);
      return {
        ids,
        logProbs: ids.map(() => logProb),
        exact: isPlainDraw(request),
        stopReason: stopped ? "stop" : "length",
        version: request.version ?? `version-${version}`,
      };
    },
    release: (history) => {
      log.released.push(history);
    },
    forward: async (sequences) => forward(sequences),
    backward: async (sequences, coefficients, { importance } = {}) => {
      log.backward.push({ sequences, coefficients, ...(importance && { importance }) });
      return forward(sequences);
    },
    optimStep: async (options) => {
      log.steps.push(options);
      return { gradientNorm: 1 };
    },
    publish: async () => {
      version += 1;
      return `version-${version}`;
    },
    hold: (held) => {
      log.held.set(held, (log.held.get(held) ?? 0) + 1);
      return () => {
        const left = (log.held.get(held) ?? 1) - 1;
        if (left > 0) log.held.set(held, left);
        else log.held.delete(held);
      };
    },
    restore: async (wanted) => {
      version = Number(wanted.replace("version-", ""));
    },
    exportState: async () => new TextEncoder().encode(String(version)),
    importState: async (state) => {
      version = Number(new TextDecoder().decode(state));
    },
    save: async () => undefined,
  };
  const engine: Engine = {
    model: "scripted",
    tokenizer,
    contextLength,
    learns: "weights",
    endIds: chat === undefined || endId === undefined ? [] : [endId],
    ...defined({ chat }),
    description: { runtime: "scripted" },
    policy: () => policy,
    dispose: async () => undefined,
  };
  return Object.defineProperty(policy, "engine", { value: engine });
};
