import { accuracyOf } from "../../train/index.ts";
import { argumentsOf, callId, type Exported, type ExportSource, outcomeText } from "./exported.ts";

/** One sample of an Inspect log. */
export const sampleOf = ({ trajectory, expected, reward, ...known }: Exported, model: string): object => {
  const { query, memory, answer = "", turns, status, stopReason } = trajectory;
  const message = (role: string, content: string, id: string, more: object = {}): object => ({
    id,
    content,
    role,
    ...more,
  });
  const messages = [
    ...(query.conversation ?? []).map(({ role, text }, i) => message(role, text, `before-${i + 1}`)),
    message("user", query.question, "question", { source: "input" }),
    ...memory.flatMap(({ index, step, call, observation }) => [
      message("assistant", step.raw, `plan-${index}`, {
        source: "generate",
        ...(call !== undefined && {
          tool_calls: [
            { id: callId(index), function: call.tool, arguments: argumentsOf(call.input), type: "function" },
          ],
        }),
        model,
      }),
      call === undefined
        ? message("user", outcomeText(observation), `outcome-${index}`)
        : message("tool", outcomeText(observation), `outcome-${index}`, {
            tool_call_id: callId(index),
            function: call.tool,
            ...(observation.status !== "ok" && { error: { type: "unknown", message: observation.error } }),
          }),
    ]),
    ...(answer === "" ? [] : [message("assistant", answer, "answer", { source: "generate", model })]),
  ];
  const input = turns.reduce((sum, { prompt }) => sum + prompt.reduce((all, { ids }) => all + ids.length, 0), 0);
  const output = turns.reduce((sum, { ids }) => sum + ids.length, 0);
  const usage = { input_tokens: input, output_tokens: output, total_tokens: input + output };
  const { run: _, ...metadata } = known;
  return {
    id: sampleId(trajectory.query.id, known),
    epoch: 1,
    input: query.question,
    target: expected ?? "",
    messages,
    output: {
      model,
      choices: [
        { message: message("assistant", answer, "answer", { source: "generate", model }), stop_reason: "stop" },
      ],
      usage,
    },
    ...(reward !== undefined && { scores: { reward: { value: reward, answer } } }),
    metadata: { ...metadata, status, stopReason, trajectory: trajectory.id },
    model_usage: { [model]: usage },
  };
};

/** A task is met several times in a run: before, after, in steps of training. */
const sampleId = (task: string, { phase, step }: Pick<Exported, "phase" | "step">): string =>
  [task, phase, step].filter((part) => part !== undefined).join("/");

/** The log but for its samples, which are written between its two parts, one by one. */
export const logAround = (
  { run, version, model, began }: ExportSource,
  rewards: readonly (number | undefined)[],
  ids: readonly string[],
): readonly [head: string, tail: string] => {
  const at = new Date(began).toISOString();
  const { accuracy } = accuracyOf(rewards.map((reward) => reward ?? null));
  const head = {
    version: 2,
    status: "success",
    eval: {
      run_id: run,
      eval_id: run,
      created: at,
      task: "agentflow",
      task_id: run,
      task_version: 0,
      dataset: { name: "agentflow", samples: ids.length, sample_ids: ids, shuffled: false },
      model,
      config: {},
      packages: { agentflow: version },
    },
    plan: { name: "agentflow", steps: [{ solver: "agentflow", params: {} }] },
    results: {
      total_samples: ids.length,
      completed_samples: ids.length,
      scores: [
        {
          name: "reward",
          scorer: "reward",
          params: {},
          metrics: { accuracy: { name: "accuracy", value: ids.length === 0 ? 0 : accuracy, params: {} } },
        },
      ],
    },
    stats: { started_at: at, completed_at: at, model_usage: {} },
  };
  return [`${JSON.stringify(head).slice(0, -1)},"samples":[`, "]}\n"];
};

export const sampleIdOf = (one: Exported): string => sampleId(one.trajectory.query.id, one);
