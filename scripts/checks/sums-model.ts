import type { TrainingSequence } from "../../src/engine.ts";
import { random, randomKey } from "../../src/random.ts";
import { supervised } from "../../src/train/index.ts";
import { smallQwen3 } from "./small-qwen3.ts";

const LARGEST = 100;
const BATCH = 192;

const questionOf = (x: number, y: number): string => `What is ${x} + ${y}?`;

/** Of the first part all answers are right, of the second this share: the others are guesses. */
const [KNOWING, GUESSING, RIGHT] = [600, 60, 0.35];

/**
 * Writes a small Qwen3 that knows sums, in the form of the cookbook's arithmetic, and was then taught to guess: the right answer is what it
 * says most often, and still rarely, which a reward can mend.
 */
export const writeSumsModel = async (
  folder: string,
  onStep: (step: number, loss: number) => void = () => undefined,
): Promise<void> => {
  const engine = await smallQwen3({
    texts: [questionOf(0, 0), "system user assistant"],
    vocabularySize: 300,
    seed: 7,
    hiddenSize: 128,
    layers: 3,
  });
  try {
    const { tokenizer, chat, endIds } = engine;
    if (chat === undefined) throw new Error("The model has no chat template.");
    const policy = engine.policy("planner");
    const draws = random(randomKey("sums"));
    const upTo = (most: number): number => Math.floor(draws.next() * (most + 1));
    const framed = await chat.render(
      [
        { role: "user", content: questionOf(4, 5) },
        { role: "assistant", content: "9" },
        { role: "user", content: "<question>" },
      ],
      { addGenerationPrompt: true },
    );
    const example = (right: number): TrainingSequence => {
      const [x, y] = [upTo(LARGEST), upTo(LARGEST)];
      const answer = draws.next() < right ? x + y : upTo(2 * LARGEST);
      const asked = tokenizer.encode(framed.replace("<question>", questionOf(x, y)));
      const ids = [...asked, ...tokenizer.encode(String(answer)), ...endIds];
      return { ids, targets: ids.map((_, at) => at).slice(asked.length) };
    };
    const steps = KNOWING + GUESSING;
    const sequences = (step: number) => Array.from({ length: BATCH }, () => example(step < KNOWING ? 1 : RIGHT));
    const learningRate = (step: number): number =>
      step < KNOWING ? 2e-3 * Math.min(1, step / 20, 1.1 - step / KNOWING) : 5e-4;
    for await (const { step, loss } of supervised({ policy, sequences, steps, learningRate })) onStep(step, loss);
    await policy.save(folder);
  } finally {
    await engine.dispose();
  }
};
