import { openEngine } from "../../src/engines/onnx/index.ts";
import type { ChatMessage } from "../../src/model.ts";
import { randomKey } from "../../src/random.ts";

/** What is checked of the engine, in its own arithmetic: float32. */
export interface Ours {
  readonly about: string;
  encode(text: string): readonly number[];
  /** The text of a conversation; undefined for one that the template refuses. */
  render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): Promise<string | undefined>;
  readonly hasChat: boolean;
  /** Log-probability of each token after the first, of each sequence. */
  score(sequences: readonly (readonly number[])[]): Promise<readonly (readonly number[])[]>;
  /** The likeliest `count` tokens behind each prompt. */
  greedy(prompts: readonly (readonly number[])[], count: number): Promise<readonly (readonly number[])[]>;
  dispose(): Promise<void>;
}

/** The engine through its front door: the trainer scores, the sampler continues. */
export const openOurs = async (model: string, threads: number): Promise<Ours> => {
  const engine = await openEngine(model, {
    threads,
    learns: "adapters",
    quantisation: "none",
    contextLength: 1024,
    slots: 24,
  });
  const { runtime, version, parameters } = engine.description;
  const policy = engine.policy("base");
  let histories = 0;
  return {
    about: `${runtime} ${version}, ${threads} threads, ${parameters} parameters`,
    hasChat: engine.chat !== undefined,
    encode: (text) => engine.tokenizer.encode(text),
    render: async (messages, addGenerationPrompt) => {
      try {
        return await engine.chat?.render(messages, { addGenerationPrompt });
      } catch {
        return undefined; // what a template refuses is compared, too
      }
    },
    score: async (sequences) => {
      const { logProbs } = await policy.forward(
        sequences.map((ids) => ({ ids, targets: ids.slice(1).map((_, i) => i + 1) })),
      );
      return logProbs.map((values) => [...values]);
    },
    greedy: (prompts, count) =>
      Promise.all(
        prompts.map(async (ids) => {
          histories += 1;
          const history = `check-${histories}`;
          const sample = await policy.sample({
            prompt: [{ ids, sampled: false }],
            history,
            randomKey: randomKey(history),
            maxTokens: count,
            stopIds: [],
            temperature: 0,
          });
          policy.release(history);
          return sample.ids;
        }),
      ),
    dispose: () => engine.dispose(),
  };
};
