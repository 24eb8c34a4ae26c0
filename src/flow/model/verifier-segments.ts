import type { PromptEngine, PromptSource } from "./prompt-form.ts";
import type { TrajectorySegments } from "./trajectory-segments.ts";
import { type VerifierFormOptions, verifierPrompts } from "./verifier-form.ts";

/**
 * The token sequence of a finished run as its verifier would have seen it and written its verdicts. `targets` are positions
 * of the verdicts' tokens. Without targets when the run does not fit the context, or has no turn.
 *
 * @example
 * ```ts
 * import { createFlow, verifierSegments } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const engine = await openEngine("agentflow-tiny");
 * const { trajectory } = await createFlow({ model, tools: {} }).solve("What is the capital of Ghana?");
 * console.log(verifierSegments(engine, trajectory).targets.length);
 * ```
 */
export const verifierSegments = (
  engine: PromptEngine & { readonly contextLength: number },
  source: PromptSource,
  options: VerifierFormOptions = {},
): TrajectorySegments => {
  const { memory } = source;
  const prompts = verifierPrompts(engine, options);
  const last = memory.at(-1);
  const reply = last === undefined ? [] : prompts.reply(last.verdict);
  const room = engine.contextLength - reply.length;
  const prompt = last === undefined ? undefined : prompts.prompt(source, memory, { room, sampled: () => undefined });
  const ids: number[] = [];
  const targets: number[] = [];
  const turns: number[] = [];
  const segments = prompt === undefined ? [] : [...prompt.map((segment) => segment.ids), reply];
  // The oldest turns may have been left out.
  const kept = (segments.length - prompts.headSegments + 1) / 2;
  for (const [i, segment] of segments.entries()) {
    const place = i - prompts.headSegments;
    for (const id of segment) {
      ids.push(id);
      if (place < 0 || place % 2 === 1) continue;
      targets.push(ids.length - 1);
      turns.push(memory.length - kept + place / 2);
    }
  }
  return { ids, targets, turns };
};
