import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, trainTokenizer } from "../../engines/onnx/index.ts";
import { learn } from "../../learn/index.ts";
import { readTrajectories } from "../../store/stored-run.ts";
import { leverEnvironment } from "../../testing/index.ts";
import { published, publishedTurns, TURNS } from "./published.ts";

const CHAT_ML = `{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;
const WORDS =
  "which lever opens red green blue press look left right up value seen Decision: continue stop system user assistant";

/** What a rehearsal came to. */
export interface Rehearsal {
  readonly tasksPerStep: number;
  readonly groupSize: number;
  readonly rollouts: number;
  /** Most turns that a rollout took, in training and in evaluation. */
  readonly most: { readonly training: number; readonly evaluation: number };
  /** Whether these are within the published limits, and no rollout is missing. */
  readonly fits: boolean;
  readonly weights: string;
}

const TASKS = 2;
const STEPS = 2;

/** A model of a few thousand parameters with the architecture and the kind of chat template of the published one. */
const randomModel = () => {
  const tokenizer = trainTokenizer([WORDS], {
    vocabularySize: 400,
    special: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    atMost: true,
  });
  const end = tokenizer.model.vocab["<|im_end|>"];
  return createEngine(
    {
      name: "random-qwen2",
      config: {
        model_type: "qwen2",
        qkv_bias: true,
        hidden_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 16,
        intermediate_size: 128,
        vocab_size: Object.keys(tokenizer.model.vocab).length,
        max_position_embeddings: 4096,
        rms_norm_eps: 1e-6,
        rope_theta: 1_000_000,
      },
      tokenizer,
      chatTemplate: CHAT_ML,
      endIds: end === undefined ? [] : [end],
      seed: 7,
    },
    { learns: "adapters", contextLength: 4096 },
  );
};

/**
 * The whole path of the published run on a random model of the same architecture: all four modules by the model, the planner
 * with an adapter, groups of 8 rollouts of at most 3 turns, evaluation with at most 10. Only sizes are smaller: 2 tasks a step
 * instead of 32, 2 steps, short replies.
 */
export const rehearse = async ({
  onStep = () => undefined,
  abortSignal,
}: {
  readonly onStep?: (step: number, reward: number) => void;
  readonly abortSignal?: AbortSignal | undefined;
} = {}): Promise<Rehearsal> => {
  const engine = await randomModel();
  const folder = await mkdtemp(join(tmpdir(), "agentflow-published-"));
  try {
    const { recipe, modules, train } = published;
    const run = learn({
      environment: publishedTurns(leverEnvironment()),
      planner: engine,
      recipe: {
        ...recipe,
        steps: STEPS,
        maxTokens: 16,
        grpo: { ...recipe.grpo, tasksPerStep: TASKS },
        validation: { tasks: 2, every: 2 },
      },
      modules: [...modules],
      train: [...train],
      evalTasks: 2,
      replay: false,
      folder,
      seed: 7,
      abortSignal,
    });
    for await (const event of run) if (event.type === "step-end") onStep(event.step, event.metrics.reward.mean);
    const report = await run.report;
    const rows = (await readTrajectories({ folder: join(folder, report.run) })) as {
      readonly phase: string;
      readonly actions?: readonly string[];
      readonly trajectory?: { readonly memory: readonly unknown[] };
    }[];
    const turnsOf = (isTraining: boolean): number[] =>
      rows
        .filter(({ phase }) => (phase === "train") === isTraining)
        .map(({ actions, trajectory }) => actions?.length ?? trajectory?.memory.length ?? 0);
    const [inTraining, inEvaluation] = [turnsOf(true), turnsOf(false)];
    const most = { training: Math.max(...inTraining), evaluation: Math.max(...inEvaluation) };
    const { groupSize } = recipe.grpo;
    return {
      tasksPerStep: TASKS,
      groupSize,
      rollouts: inTraining.length,
      most,
      fits:
        most.training <= TURNS.training &&
        most.evaluation <= TURNS.evaluation &&
        inTraining.length === STEPS * TASKS * groupSize,
      weights: report.after.weights ?? "",
    };
  } finally {
    await engine.dispose();
    await rm(folder, { recursive: true, force: true });
  }
};
