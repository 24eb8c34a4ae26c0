import { metered } from "../../metered.ts";
import type { ChatModel } from "../../model.ts";
import type { FlowState, Generated, Generator, ModuleContext } from "../../module.ts";
import { checked, count, defined, objectWith, required, truth } from "../../options.ts";
import { deriveKey } from "../../random.ts";
import { answerLine, entryText } from "./entry-text.ts";
import { holding } from "./holding.ts";
import { plainAnswer } from "./plain-reply.ts";
import { questionText } from "./planner-prompt.ts";
import { firstKept } from "./selection.ts";

export interface ModelGeneratorOptions {
  /** Whether the answer comes with its solution, in the same reply. @default false */
  readonly solution?: boolean;
  /** Most tokens of a reply. @default 64, with a solution 1024 */
  readonly maxTokens?: number;
  /** Characters that memory may take; the oldest turns are left out. @default 16000 */
  readonly room?: number;
}

const CONCISE =
  "You answer a question from results that were found with tools. Write the answer alone: the number, date or name that was asked for, without unit and without a sentence.";

const WITH_SOLUTION =
  "You answer a question from results that were found with tools. First write the solution for a person: which results are used and where they are from, how the answer follows from them, and what stays uncertain. Use nothing that is not in the results. Then write on a line of its own, between <answer> and </answer>, the answer alone: the number, date or name that was asked for, without unit and without a sentence.";

/**
 * A generator by a model: a concise answer from memory, with its solution when asked. Undefined when no call has brought anything.
 *
 * @example
 * ```ts
 * import { createFlow, modelGenerator } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, generator: modelGenerator(model, { solution: true }), tools: {} });
 * const result = await flow.solve("Which is larger, 2 to the 10th or 10 cubed?");
 * if (result.status === "solved") console.log(result.answer, result.solution);
 * ```
 */
export const modelGenerator = (model: ChatModel, options: ModelGeneratorOptions = {}): Generator => {
  required(objectWith("a chat model", "complete"))(model, "modelGenerator: the model");
  checked("modelGenerator", options, { solution: truth, maxTokens: count, room: count });
  const { solution = false, maxTokens = solution ? 1024 : 64, room = 16_000 } = options;
  return holding(model, async (state: FlowState, context: ModuleContext): Promise<Generated> => {
    if (!state.memory.some(({ observation }) => observation.status === "ok")) return undefined;
    const question = questionText(state.query.question, state.analysis);
    const results = state.memory.map(entryText);
    const first =
      firstKept(
        question.length,
        results.map(({ length }) => length + 1),
        room,
      ) ?? results.length - 1;
    const { onText } = context;
    const tell = onText === undefined ? undefined : (await import("./answer-stream.ts")).answerStream(solution, onText);
    const { text } = await metered(model, context.meter, context.redact).complete({
      ...defined({ onText: tell }),
      messages: [
        { role: "system", content: solution ? WITH_SOLUTION : CONCISE },
        {
          role: "user",
          content: [question, ...results.slice(first), solution ? "Solution:" : "Answer:"].join("\n"),
        },
      ],
      maxTokens,
      temperature: 0,
      randomKey: deriveKey(context.randomKey, "generator"),
      abortSignal: context.abortSignal,
    });
    const plain = solution ? undefined : plainAnswer(text);
    if (plain !== undefined) return answerLine(plain);
    const { answerIn, solutionIn } = await import("./dressed-answer.ts");
    return solution ? solutionIn(text) : answerIn(text);
  });
};
