import type { Engine, Policy, TrainingSequence } from "../engine.ts";
import { createEngine, type ModelConfig, trainTokenizer } from "../engines/onnx/index.ts";
import { renderEntry } from "../flow/memory.ts";
import { END, renderHead } from "../flow/model/prompt-form.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import { type DemonstrationEnvironment, demonstrator, exerciser } from "./demonstrations.ts";
import { ANSWER, imitation, lastArguments } from "./imitated-sequences.ts";
import type { Recipe } from "./recipe.ts";

/** The name of a planner that is made for a project's tools. */
export const MICRO_PLANNER = "micro-planner";

/** The shape of the built-in planner, smaller: a project has fewer tools and shorter plans. A third layer brings nothing here. */
const shape = (vocabularySize: number): ModelConfig => ({
  hidden_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 16,
  intermediate_size: 352,
  vocab_size: vocabularySize,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
});

const LARGEST_VOCABULARY = 640;
/** Plans whose words make the vocabulary; those that are imitated come after them. */
const VOCABULARY_PLANS = 300;
/** Exercises begin at this index: none is a plan that was shown as well. */
const FIRST_EXERCISE = 10_000_000;

export interface MicroPlannerOptions {
  readonly environment: DemonstrationEnvironment;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Told of each step of imitation, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * Makes a planner for a environment's tools from nothing: a vocabulary from questions, names of tools and fields and forms of
 * sub-goals; then it imitates random but valid plans and exercises in reading. They show the language of plans and which
 * calculation a question asks, and no preference for where to look, in which order, or when to stop.
 */
export const makeMicroPlanner = async (
  options: MicroPlannerOptions,
): Promise<{ readonly engine: Engine; readonly policy: Policy }> => {
  const { environment, recipe, seed, onStep, abortSignal } = options;
  const { steps, plans, exercises, learningRate } = recipe.coldStart;
  const form = { verdicts: recipe.verdicts };
  const show = demonstrator(environment, seed, abortSignal);
  const exercise = exerciser(environment, seed, abortSignal);
  const shown = await show(0, VOCABULARY_PLANS);
  const texts = shown.map(({ trajectory: { analysis, memory } }) => {
    const head = renderHead(analysis, (memory[0]?.turnsLeft ?? 0) + 1);
    return head + memory.map((entry) => `${entry.step.raw}\n${renderEntry(entry, form)}`).join("");
  });
  const tokenizer = trainTokenizer(texts, {
    vocabularySize: LARGEST_VOCABULARY,
    special: ["<pad>", END, ANSWER],
    atMost: true,
  });
  const config = shape(Object.keys(tokenizer.model.vocab).length);
  const engine = await createEngine({ name: MICRO_PLANNER, config, tokenizer, seed });
  try {
    const policy = engine.policy("planner");
    const sequences = async (step: number): Promise<TrainingSequence[]> => [
      ...(await show(VOCABULARY_PLANS + step * plans, plans)).map(({ trajectory }) =>
        imitation(engine, trajectory, form),
      ),
      ...(await exercise(FIRST_EXERCISE + step * exercises, exercises)).map(({ trajectory }) =>
        lastArguments(engine, trajectory, form),
      ),
    ];
    const training = supervised({
      policy,
      steps,
      learningRate: linearSchedule({ peak: learningRate, steps, warmUp: 20, finalShare: 0.05 }),
      optimiser: { beta2: 0.98, weightDecay: 0.05 },
      sequences,
      abortSignal,
    });
    for await (const { step, loss } of training) onStep(step + 1, steps, loss);
    return { engine, policy };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
};
