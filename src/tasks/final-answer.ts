import { text as aText } from "../options.ts";
import { bareAnswer, taggedAnswer } from "../reply.ts";
import { withoutThoughts } from "../thoughts.ts";

/** The text of the last `<answer>…</answer>`, else the whole output, as it stands. */
export const answerAsWritten = (output: string): string => {
  const said = withoutThoughts(output).text;
  return taggedAnswer(said)?.answer ?? said.trim();
};

/**
 * The text of the last `<answer>…</answer>`, else the whole output, without labels, bold, fences and `\boxed{}` around it.
 *
 * @example
 * ```ts
 * import { finalAnswer } from "agentflow/tasks";
 *
 * console.log(finalAnswer("5 times 8 is 40. **Final answer:** $\\boxed{40}$"));
 * ```
 */
export const finalAnswer = (output: string): string => {
  aText(output, "finalAnswer: the output");
  return bareAnswer(answerAsWritten(output));
};
