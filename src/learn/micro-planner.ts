import type { Engine, Policy, TrainingSequence } from "../engine.ts";
import { createEngine, type ModelConfig, trainTokenizer } from "../engines/onnx/index.ts";
import { renderEntry } from "../flow/memory.ts";
import { memoised } from "../flow/model/memoised.ts";
import { END, entryForm, renderHead } from "../flow/model/prompt-form.ts";
import { randomKey } from "../random.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import { stepOf } from "../trajectory.ts";
import { type DemonstrationEnvironment, demonstrator, exerciser } from "./demonstrations.ts";
import { ANSWER, imitatedOf, lastArguments } from "./imitated-sequences.ts";
import type { Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";
import { rounds } from "./rounds.ts";
import { showRoutes } from "./shown-routes.ts";
import { silentModel } from "./silent-model.ts";
import { exercisesOf, varied } from "./varied-exercises.ts";

/** The name of a planner that is made for a project's tools. */
export const MICRO_PLANNER = "micro-planner";

/** The shape of the built-in planner, smaller: a project has fewer tools and shorter plans. */
const shape = (vocabularySize: number): ModelConfig => ({
  hidden_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  num_key_value_heads: 3,
  head_dim: 16,
  intermediate_size: 256,
  vocab_size: vocabularySize,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
});

/** Room for the words of questions and the names of tools and fields, each of them one token. */
const LARGEST_VOCABULARY = 1024;
/** Plans whose words make the vocabulary; those that are imitated come after them. */
const VOCABULARY_PLANS = 400;
/** Plans and exercises that are made at most: a longer cold start shows them again, in other variations. */
const MOST_PLANS = 2000;
const MOST_EXERCISES = 2400;
/** Exercises begin at this index: none is a plan that was shown as well. */
const FIRST_EXERCISE = 10_000_000;

export interface MicroPlannerOptions {
  readonly environment: DemonstrationEnvironment;
  readonly recipe: Recipe;
  readonly seed: number;
  /** The control: routes are those of other tasks. @default false */
  readonly permuteRewards?: boolean | undefined;
  /** Told of each step of imitation, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * Makes a planner for an environment's tools from nothing: a vocabulary from questions, names of tools and fields and forms
 * of sub-goals; then it imitates random but valid plans and exercises in reading, which show the language of plans and which
 * calculation a question asks, and calls that led to answers when tools were called at random, in variations.
 */
export const makeMicroPlanner = async (
  options: MicroPlannerOptions,
): Promise<{ readonly engine: Engine; readonly policy: Policy; readonly tokenizer: unknown }> => {
  const { environment, recipe, seed, permuteRewards: permuted, onStep, abortSignal } = options;
  const { steps, plans, exercises, routes = 0, learningRate } = recipe.coldStart;
  const form = promptsOf(recipe);
  const show = demonstrator(environment, seed, abortSignal, recipe.mistakes);
  const exercise = exerciser(environment, seed, abortSignal);
  const shown = await show(0, VOCABULARY_PLANS);
  const texts = shown.map(({ trajectory: { analysis, memory } }) => {
    const head = renderHead(analysis, form.turnsLeft === false ? undefined : (memory[0]?.turnsLeft ?? 0) + 1);
    return head + memory.map((entry) => `${entry.step.raw}\n${renderEntry(entry, entryForm(form, analysis))}`).join("");
  });
  const tokenizer = trainTokenizer([...texts, ...outcomes(form)], {
    vocabularySize: LARGEST_VOCABULARY,
    special: ["<pad>", END, ANSWER],
    atMost: true,
  });
  const config = shape(Object.keys(tokenizer.model.vocab).length);
  const engine = await createEngine({ name: MICRO_PLANNER, config, tokenizer, seed });
  try {
    const policy = engine.policy("planner");
    const pool = await show(VOCABULARY_PLANS, Math.min(MOST_PLANS, steps * plans));
    const read = await exercise(FIRST_EXERCISE, Math.min(MOST_EXERCISES, steps * exercises));
    const tools = environment.tools(silentModel);
    const showRoute =
      routes === 0 ? undefined : await showRoutes({ environment, tools, recipe, seed, permuted, abortSignal });
    const known = exercisesOf(read.map(({ trajectory }) => trajectory));
    const encoded = memoised((text) => engine.tokenizer.encode(text));
    const { model, contextLength, endIds } = engine;
    const reader = { model, contextLength, endIds, tokenizer: { ...engine.tokenizer, encode: encoded } };
    const drawPlan = rounds(pool, randomKey(seed, "plans shown"));
    const drawExercise = rounds(read, randomKey(seed, "exercises shown"));
    const sequences = (step: number): TrainingSequence[] => [
      ...Array.from({ length: plans }, (_, i) => i).flatMap((i) => {
        const shownPlan = drawPlan(step * plans + i);
        return shownPlan === undefined ? [] : [imitatedOf(recipe)(reader, shownPlan.trajectory, form)];
      }),
      ...Array.from({ length: exercises }, (_, i) => i).flatMap((i) => {
        const one = drawExercise(step * exercises + i);
        const key = randomKey(seed, "exercise", step, i);
        return one === undefined ? [] : [lastArguments(reader, varied(one.trajectory, known, key), form)];
      }),
      ...Array.from({ length: routes }, (_, i) => showRoute?.(reader, step * routes + i) ?? []).flat(),
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
    return { engine, policy, tokenizer };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
};

/** What becomes of calls that are refused or fail, often enough that its words are in the vocabulary. */
const outcomes = (form: ReturnType<typeof promptsOf>): readonly string[] =>
  FAILURES.flatMap(([status, reason]) =>
    Array.from({ length: VOCABULARY_PLANS }, (_, i) =>
      renderEntry(
        {
          index: 1 + (i % 9),
          step: stepOf(""),
          observation: { status, reason, error: "" },
          verdict: { decision: "continue", reason: "" },
          turnsLeft: 1,
        },
        form,
      ),
    ),
  );

const FAILURES = [
  ["refused", "malformed"],
  ["refused", "unknown-tool"],
  ["refused", "bad-reference"],
  ["refused", "bad-arguments"],
  ["refused", "repeated"],
  ["failed", "tool-error"],
  ["failed", "unavailable"],
] as const;
