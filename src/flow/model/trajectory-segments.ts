import type { Toolset } from "../../tool.ts";
import { type PromptEngine, type PromptOptions, type PromptSource, plannerPrompts } from "./prompt-form.ts";

/** A token sequence for supervised training. `turns` says for each target which entry (from 0) it belongs to. */
export interface TrajectorySegments {
  readonly ids: readonly number[];
  readonly targets: readonly number[];
  readonly turns: readonly number[];
}

export interface TrajectorySegmentsOptions extends PromptOptions {
  /** Those that the planner knows; the chat form names them. @default none */
  readonly tools?: Toolset;
  readonly instructions?: string;
}

/**
 * The token sequence of a finished run as its planner would have seen and sampled it, from the text of its actions:
 * what supervised training takes from a scripted planner. `targets` are positions of action tokens and of the token
 * that ends each. Without targets when the run does not fit the context.
 *
 * @example
 * ```ts
 * import { createFlow, trajectorySegments } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const engine = await openEngine("agentflow-tiny");
 * const { trajectory } = await createFlow({ model, tools: {} }).solve("What is the capital of Ghana?");
 * const segments = trajectorySegments(engine, trajectory, { tools: {} });
 * ```
 */
export const trajectorySegments = (
  engine: PromptEngine & { readonly contextLength: number },
  source: PromptSource,
  { tools = {}, instructions, ...form }: TrajectorySegmentsOptions = {},
): TrajectorySegments => {
  const { memory } = source;
  const prompts = plannerPrompts(engine, form);
  const segments = prompts.prompt(source, {
    tools,
    instructions,
    turnLimit: (memory[0]?.turnsLeft ?? 0) + 1,
    room: engine.contextLength,
    sampled: () => undefined,
  });
  const ids: number[] = [];
  const targets: number[] = [];
  const turns: number[] = [];
  // The oldest turns may have been left out.
  const kept = ((segments?.length ?? 0) - prompts.headSegments) / 2;
  for (const [i, segment] of (segments ?? []).entries()) {
    const place = i - prompts.headSegments;
    // What comes of the last action is nobody's prompt.
    if (place === 2 * kept - 1 && place >= 0) break;
    for (const id of segment.ids) {
      ids.push(id);
      if (place < 0 || place % 2 === 1) continue;
      targets.push(ids.length - 1);
      turns.push(memory.length - kept + place / 2);
    }
  }
  return { ids, targets, turns };
};
