import type { FlowEvent } from "../event.ts";
import { defined } from "../options.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Usage } from "../usage.ts";
import { LABEL, labelled, type Screen } from "./screen.ts";
import { pad, tail } from "./text-width.ts";
import { argumentOf, outcomeOf } from "./transcript.ts";
import { counted } from "./words.ts";

/** Of a result: the planner sees more of it than a person wants to read. */
const RESULT_LINES = 6;
const ANSWER_LINES = 40;
/** Of a text that grows its end is shown, which this holds. */
const GROWING = 4000;

const grown = (text: string, more: string): string => (text + more).slice(-GROWING);

/** Shows the events of a solve as they come: plan, call, observation and verdict of each turn, then answer and usage. */
export const solveView = (screen: Screen): ((event: FlowEvent) => void) => {
  let growing = "";
  let solution = "";
  const live = (label: string, text: string): void =>
    screen.live(`${pad(label, LABEL)}${tail(text, screen.width - LABEL - 1)}`);
  return (event) => {
    switch (event.type) {
      case "analysis-end": {
        const { entities, unit } = event.analysis;
        const named = entities.map((entity, i) => `q${i + 1} ${entity}`).join(", ");
        const text = `${named || "nothing named"}${unit === undefined ? "" : `; asked: ${unit}`}`;
        labelled(screen, "entities", text, { paint: screen.dim });
        break;
      }
      case "plan-start":
        growing = "";
        live(`turn ${event.turn}`, "…");
        break;
      case "plan-delta":
        growing = grown(growing, event.text);
        live(`turn ${event.turn}`, growing);
        break;
      case "plan-end": {
        const { tool, subGoal, step } = event;
        growing = "";
        const text = tool === "" ? JSON.stringify(step.raw) : `${tool} ${subGoal}`;
        labelled(screen, `turn ${event.turn}`, text, { paint: screen.bold });
        break;
      }
      case "tool-call":
        labelled(screen, "  call", `${event.call.tool}(${argumentOf(event.call.input, "")})`);
        live("", `${event.call.tool} …`);
        break;
      case "tool-result": {
        const { observation } = event;
        const marks = [
          ...(observation.trust === "untrusted" ? ["from outside"] : []),
          ...(observation.source === undefined ? [] : [observation.source]),
        ];
        labelled(screen, "  result", outcomeOf(observation), { most: RESULT_LINES });
        if (marks.length > 0) labelled(screen, "", `(${marks.join("; ")})`, { paint: screen.dim, most: 1 });
        break;
      }
      case "tool-error": {
        const { status, error, reason } = event.observation;
        labelled(screen, `  ${status}`, `${error} (${reason})`, { paint: screen.bad, most: RESULT_LINES });
        break;
      }
      case "verdict-end": {
        const { decision, reason, executionAnalysis, memoryAnalysis } = event.verdict;
        const said = [reason, executionAnalysis, memoryAnalysis].filter((text) => text !== undefined && text !== "");
        labelled(screen, "  verdict", `${decision}: ${said.join(" ")}`, { paint: screen.dim });
        break;
      }
      case "solution-delta":
        solution = grown(solution, event.text);
        live("solution", solution);
        break;
      case "answer-delta":
        growing = grown(event.restart === true ? "" : growing, event.text);
        live("answer", growing);
        break;
      case "finish": {
        const { answer, stopReason, status } = event;
        const why = stopReason === "unfamiliar" ? "the planner was trained on nothing like this question" : stopReason;
        const ending = status === "solved" ? "" : ` (${status}: ${why})`;
        const paint = status === "failed" ? screen.bad : screen.bold;
        if (event.solution !== undefined) labelled(screen, "solution", event.solution, { most: ANSWER_LINES });
        labelled(screen, "answer", `${answer ?? "none"}${ending}`, { paint, most: ANSWER_LINES });
        labelled(screen, "used", usageText(event.usage), { paint: screen.dim });
        break;
      }
      default:
    }
  };
};

/** What a solve has used, in words. */
const usageText = (usage: Usage): string => {
  const { turns, calls, promptTokens, cachedTokens, sampledTokens, dollars, toolDollars, seconds } = usage;
  const read = `${counted(promptTokens, "token")} read${cachedTokens > 0 ? ` (${cachedTokens} cached)` : ""}`;
  const money = dollars + toolDollars;
  return [
    counted(turns, "turn"),
    counted(calls, "call"),
    `${read}, ${sampledTokens} written`,
    ...(money > 0 ? [`$${money.toFixed(4)}${toolDollars > 0 ? ` (tools $${toolDollars.toFixed(4)})` : ""}`] : []),
    `${seconds.toFixed(1)} s`,
  ].join(", ");
};

/** The events that a stored trajectory was: what shows a live solve shows it again. */
export const eventsOf = (
  { analysis, memory, answer, solution, status, stopReason }: Trajectory,
  usage: Usage,
): FlowEvent[] => {
  const bodies = [
    { type: "analysis-end" as const, analysis },
    ...memory.flatMap(({ index: turn, step, call, observation, verdict }) => [
      { type: "plan-end" as const, turn, tool: step.tool, subGoal: step.subGoal, step },
      ...(call === undefined || observation.status === "refused" ? [] : [{ type: "tool-call" as const, turn, call }]),
      observation.status === "ok"
        ? { type: "tool-result" as const, turn, observation }
        : { type: "tool-error" as const, turn, observation },
      { type: "verdict-end" as const, turn, verdict },
    ]),
    {
      type: "finish" as const,
      status,
      stopReason,
      usage,
      ...defined({ answer, solution }),
    },
  ];
  return bodies.map((body, sequence) => ({ ...body, sequence }));
};
