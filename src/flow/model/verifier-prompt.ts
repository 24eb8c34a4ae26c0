import { defined } from "../../options.ts";
import type { Observation, Step, Verdict } from "../../trajectory.ts";
import { entryText, oneLine } from "./entry-text.ts";
import { labelledLine } from "./labelled-line.ts";
import { questionText } from "./planner-prompt.ts";
import type { PromptSource } from "./prompt-form.ts";

/** How much a verifier says: `word` alone, or lines with what it thinks of the result and of memory. */
export type VerdictForm = "word" | "lines";

const TASK =
  "You check whether a question is answered. Turn by turn you see what was done with a tool and what came of it.";

/** The system prompt of a verifier in natural language: the same for every question. */
export const verifierSystem = (form: VerdictForm): string =>
  form === "word"
    ? `${TASK} Write stop when a result is there that is what the question asks for, in its unit; else write continue.`
    : [
        TASK,
        "Write three lines:",
        "execution: what the last result is worth",
        "memory: what the results together say and what is missing",
        "decision: stop when a result is there that is what the question asks for, in its unit, else continue",
      ].join("\n");

/** The language of verdicts in the form `word`. */
export const VERDICT_PATTERN = "continue|stop";

/** What a verifier sees of a turn; of the first one, with the question in front. */
export const verifierTurn = (
  { query, analysis }: Pick<PromptSource, "query" | "analysis">,
  turn: { readonly index: number; readonly step: Step; readonly observation: Observation },
): string => (turn.index === 1 ? `${questionText(query.question, analysis)}\n${entryText(turn)}` : entryText(turn));

/** A verdict as it would have been written. */
export const verdictText = ({ decision, reason }: Verdict, form: VerdictForm): string =>
  form === "word" ? decision : `decision: ${decision}, ${reason}`;

const REASON_LENGTH = 300;

/** Reads a verdict leniently: labelled lines, else the first word. Undefined when it says neither stop nor continue. */
export const parseVerdict = (text: string): Verdict | undefined => {
  const line = (label: string): string | undefined => {
    const found = labelledLine(text, label, /^\W*[:=]/u);
    return found === undefined ? undefined : oneLine(found, REASON_LENGTH);
  };
  const said = line("decision") ?? oneLine(text, REASON_LENGTH);
  const decision = /^\W*(stop|continue)\b/iu.exec(said)?.[1]?.toLowerCase();
  if (decision !== "stop" && decision !== "continue") return undefined;
  const rest = said.replace(/^\W*(?:stop|continue)\W*/iu, "");
  const [executionAnalysis, memoryAnalysis] = [line("execution"), line("memory")];
  return {
    decision,
    reason: rest || executionAnalysis || `The verifier said ${decision}.`,
    ...defined({ executionAnalysis, memoryAnalysis }),
  };
};

/** Whatever was written instead of a verdict, the flow continues: it costs turns and nothing else. */
export const readVerdict = (text: string, read = parseVerdict): Verdict =>
  read(text) ?? { decision: "continue", reason: `The verifier gave no verdict: ${text.slice(0, 120)}` };
