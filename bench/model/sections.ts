/** What is measured, and the bars it is held to. Sizes are chosen to be those of learning with a small model. */

/** A question to an arm. Of several settings of an arm the fastest counts. */
export type Question = { readonly do: string; readonly [setting: string]: unknown };

export interface Case {
  readonly title: string;
  /** Settings to try, by arm; an arm that is not named takes no part. */
  readonly ask: Readonly<Record<string, readonly Question[]>>;
}

/** ours ≥ `atLeast` × the fastest of `peers`, in one case. */
export interface RatioBar {
  readonly title: string;
  readonly ours: string;
  readonly peers: readonly string[];
  readonly atLeast: number;
}

/** The peak memory of an arm up to and with a case. */
export interface MemoryBar {
  readonly title: string;
  readonly ours: string;
  readonly atMostMb: number;
}

export interface Section {
  readonly name: string;
  readonly says: string;
  /** Rates are tokens/s, or seconds of one step. */
  readonly unit: "tokens/s" | "s";
  /** Smallest first: peak memory only grows. */
  readonly cases: readonly Case[];
  readonly bars: readonly RatioBar[];
  readonly memory: readonly MemoryBar[];
}

/** Shrinks everything to see that it runs; the figures mean nothing then. */
export interface Sizes {
  readonly quick: boolean;
}

/** Both ways of attention: which is faster depends on the case. */
const flash = (question: Question): readonly Question[] => [
  { ...question, flash: false },
  { ...question, flash: true },
];

const sampling = ({ quick }: Sizes): Section => {
  const context = quick ? 32 : 128;
  const count = quick ? 4 : 32;
  const batches = quick ? [1, 8] : [1, 8, 16, 32];
  const cases = batches.map((batch): Case => {
    const question = { do: "sample", batch, context_tokens: context, new: count };
    return {
      title: `batch ${batch}`,
      ask: {
        "ours int8": [question],
        "llama.cpp Q8_0": flash(question),
        "ours int4": [question],
        "llama.cpp Q4_0": flash(question),
        "ours int8+LoRA": [question],
        ...(batch <= 16 && {
          "node-llama-cpp Q4_0": [{ ...question, temperature: 1 }],
          "transformers f32": [question],
          "transformers bf16": [question],
        }),
      },
    };
  });
  const bar = (title: string, ours: string, peer: string, atLeast: number): RatioBar => ({
    title,
    ours,
    peers: [peer],
    atLeast,
  });
  return {
    name: "sample",
    says: `sampling, context ${context}–${context + count}; ours and transformers at temperature 1 over the whole vocabulary, llama.cpp without sampling`,
    unit: "tokens/s",
    cases,
    bars: [
      bar("batch 1", "ours int8", "llama.cpp Q8_0", 1),
      bar("batch 8", "ours int8", "llama.cpp Q8_0", 1.8),
      bar("batch 16", "ours int8", "llama.cpp Q8_0", 1.5),
      bar("batch 32", "ours int8", "llama.cpp Q8_0", 1.4),
      bar("batch 1", "ours int4", "llama.cpp Q4_0", 0.95),
      bar("batch 8", "ours int4", "llama.cpp Q4_0", 1.1),
      bar("batch 16", "ours int4", "llama.cpp Q4_0", 1),
      bar("batch 32", "ours int4", "llama.cpp Q4_0", 0.95),
      bar("batch 8", "ours int4", "node-llama-cpp Q4_0", 3),
      bar("batch 16", "ours int4", "node-llama-cpp Q4_0", 3),
    ],
    memory: [
      { title: "batch 16", ours: "ours int8", atMostMb: 600 },
      { title: "batch 16", ours: "ours int4", atMostMb: 600 },
    ],
  };
};

const prefill = ({ quick }: Sizes): Section => {
  const tokens = quick ? 64 : 512;
  const title = `prefill ${tokens}`;
  return {
    name: "prefill",
    says: `one prompt of ${tokens} tokens to its next-token distribution`,
    unit: "tokens/s",
    cases: [
      {
        title,
        ask: {
          "ours int8": [{ do: "prefill", tokens }],
          "llama.cpp Q8_0": flash({ do: "prefill", tokens }),
          "ours int4": [{ do: "prefill", tokens }],
          "llama.cpp Q4_0": flash({ do: "prefill", tokens }),
          "transformers f32": [{ do: "prefill", tokens }],
          "transformers bf16": [{ do: "prefill", tokens }],
        },
      },
    ],
    bars: [
      { title, ours: "ours int8", peers: ["llama.cpp Q8_0"], atLeast: 1.5 },
      { title, ours: "ours int4", peers: ["llama.cpp Q4_0"], atLeast: 1.2 },
    ],
    memory: [],
  };
};

const train = ({ quick }: Sizes): Section => {
  const length = quick ? 64 : 512;
  const title = `sequence ${length}`;
  const ask = [{ do: "train", length }];
  return {
    name: "train",
    says: "LoRA r16 on all linears, micro-batch 1, every token a target: forward, backward, AdamW",
    unit: "tokens/s",
    cases: [{ title, ask: { "ours train": ask, "torch f32": ask, "torch bf16": ask, "torch bf16-base": ask } }],
    bars: [
      { title, ours: "ours train", peers: ["torch f32"], atLeast: 2 },
      { title, ours: "ours train", peers: ["torch bf16"], atLeast: 1.3 },
    ],
    memory: [{ title, ours: "ours train", atMostMb: 1200 }],
  };
};

const rl = ({ quick }: Sizes): Section => {
  const [rollouts, prompt, answer] = quick ? [4, 40, 8] : [8, 300, 40];
  const title = `${rollouts} × (${prompt} shared + ${answer})`;
  const ask = { do: "rl", rollouts, prompt, answer };
  // Rollouts at a time: all, or two, whose activations stay near the caches.
  const rows = [rollouts, 2].map((count) => ({ ...ask, rows: count }));
  return {
    name: "rl",
    says: "one policy-gradient step on the rollouts of a group: forward, backward, AdamW (torch computes the prompt for each)",
    unit: "s",
    cases: [{ title, ask: { "ours train": [ask], "torch f32": rows, "torch bf16": rows, "torch bf16-base": rows } }],
    bars: [
      { title, ours: "ours train", peers: ["torch f32"], atLeast: 6 },
      { title, ours: "ours train", peers: ["torch bf16"], atLeast: 3 },
    ],
    memory: [{ title, ours: "ours train", atMostMb: 1200 }],
  };
};

const grpo = ({ quick }: Sizes): Section => {
  const [group, prompt, count] = quick ? [4, 32, 4] : [8, 96, 64];
  const title = `${group} × (${prompt} shared + ${count})`;
  const ask = [{ do: "grpo", group, prompt, new: count }];
  const peers = ["TRL f32", "TRL bf16"];
  return {
    name: "grpo",
    says: "one whole GRPO step: sample a group, forward, backward, AdamW, publish; LoRA r16",
    unit: "s",
    cases: [
      {
        title,
        ask: { "ours train": ask, "ours unshared": ask, "TRL f32": ask, "TRL bf16": ask },
      },
    ],
    bars: [
      { title, ours: "ours unshared", peers, atLeast: 2 },
      { title, ours: "ours train", peers, atLeast: 4 },
    ],
    memory: [],
  };
};

/** All sections, in the order in which they run. */
export const sectionsOf = (sizes: Sizes): readonly Section[] =>
  [sampling, prefill, train, rl, grpo].map((f) => f(sizes));
