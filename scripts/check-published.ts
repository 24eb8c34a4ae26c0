/**
 * The whole path of the published run (`scale/published.ts`) on a random model of the same architecture, Qwen2 with its chat
 * template: all four modules by the model, the planner with an adapter, groups of 8 rollouts of at most 3 turns, evaluation
 * with at most 10. Only sizes are smaller: 2 tasks a step instead of 32, 2 steps, short replies.
 *
 *   npm run check:published
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine, trainTokenizer } from "../src/engines/onnx/index.ts";
import { learn } from "../src/learn/index.ts";
import { readTrajectories } from "../src/store/stored-run.ts";
import { leverEnvironment } from "../src/testing/index.ts";
import { published, publishedTurns, TURNS } from "./scale/published.ts";

const CHAT_ML = `{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;
const words =
  "which lever opens red green blue press look left right up value seen Decision: continue stop system user assistant";
const tokenizer = trainTokenizer([words], {
  vocabularySize: 400,
  special: ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
  atMost: true,
});
const end = tokenizer.model.vocab["<|im_end|>"];
const engine = await createEngine(
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
const folder = mkdtempSync(join(tmpdir(), "agentflow-published-"));
try {
  const { recipe, modules, train } = published;
  const run = learn({
    environment: publishedTurns(leverEnvironment()),
    planner: engine,
    recipe: {
      ...recipe,
      steps: 2,
      maxTokens: 16,
      grpo: { ...recipe.grpo, tasksPerStep: 2 },
      validation: { tasks: 2, every: 2 },
    },
    modules: [...modules],
    train: [...train],
    evalTasks: 2,
    replay: false,
    folder,
    seed: 7,
  });
  let groups = "";
  for await (const event of run) {
    if (event.type === "step-end") console.log(`step ${event.step}: reward ${event.metrics.reward.mean}`);
    if (event.type === "run-start") groups = `${event.tasksPerStep} tasks × ${event.groupSize} rollouts`;
  }
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
  const fits = most.training <= TURNS.training && most.evaluation <= TURNS.evaluation && inTraining.length === 32;
  console.log(
    JSON.stringify({
      check: "published",
      groups,
      rollouts: inTraining.length,
      most,
      fits,
      weights: report.after.weights,
    }),
  );
  process.exitCode = fits ? 0 : 1;
} finally {
  await engine.dispose();
  rmSync(folder, { recursive: true, force: true });
}
