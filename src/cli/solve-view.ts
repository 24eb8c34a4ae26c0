import type { Usage } from "../budget.ts";
import type { FlowEvent } from "../event.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Screen } from "./screen.ts";
import { argumentOf, outcomeOf } from "./transcript.ts";

const INDENT = "          ";
/** Of a result: the planner sees more of it than a person wants to read. */
const RESULT_LINES = 6;

/** Shows the events of a solve as they come: plan, call, observation and verdict of each turn, then answer and usage. */
export const solveView = (screen: Screen): ((event: FlowEvent) => void) => {
  let plan = "";
  const put = (label: string, text: string, paint = (line: string): string => line, most = 3): void => {
    const room = screen.width - INDENT.length;
    const lines = wrap(text, room);
    const shown =
      lines.length > most ? [...lines.slice(0, most - 1), `… ${lines.length - most + 1} more lines`] : lines;
    for (const [i, line] of shown.entries())
      screen.line(paint(`${(i === 0 ? label : "").padEnd(INDENT.length)}${line}`));
  };
  return (event) => {
    switch (event.type) {
      case "analysis-end": {
        const { entities, unit } = event.analysis;
        const named = entities.map((entity, i) => `q${i + 1} ${entity}`).join(", ");
        put("question", `${named || "no entities"}${unit === undefined ? "" : `; asked: ${unit}`}`, screen.dim);
        break;
      }
      case "plan-start":
        plan = "";
        screen.live(`turn ${event.turn}   …`);
        break;
      case "plan-delta":
        plan += event.text;
        screen.live(`turn ${event.turn}   ${plan}`);
        break;
      case "plan-end": {
        const { tool, subGoal, step } = event;
        put(`turn ${event.turn}`, tool === "" ? JSON.stringify(step.raw) : `${tool} ${subGoal}`, screen.bold);
        break;
      }
      case "tool-call":
        put("  call", `${event.call.tool}(${argumentOf(event.call.input, "")})`);
        screen.live(`${INDENT}${event.call.tool} …`);
        break;
      case "tool-result": {
        const { observation } = event;
        const marks = [
          ...(observation.trust === "untrusted" ? ["from outside"] : []),
          ...(observation.source === undefined ? [] : [observation.source]),
        ];
        put("  result", outcomeOf(observation), undefined, RESULT_LINES);
        if (marks.length > 0) put("", `(${marks.join("; ")})`, screen.dim, 1);
        break;
      }
      case "tool-error":
        put(`  ${event.observation.status}`, `${event.observation.error} (${event.observation.reason})`, screen.bad);
        break;
      case "verdict-end": {
        const { decision, reason, executionAnalysis, memoryAnalysis } = event.verdict;
        const said = [reason, executionAnalysis, memoryAnalysis].filter((text) => text !== undefined && text !== "");
        put("  verdict", `${decision}: ${said.join(" ")}`, screen.dim);
        break;
      }
      case "finish": {
        const { answer, stopReason, status } = event;
        const ending = status === "solved" ? "" : ` (${status}: ${stopReason})`;
        put("answer", `${answer ?? "none"}${ending}`, status === "failed" ? screen.bad : screen.bold, 20);
        put("used", usageText(event.usage), screen.dim);
        break;
      }
      default:
    }
  };
};

/** What a solve has used, in words. */
export const usageText = (usage: Usage): string => {
  const { turns, calls, promptTokens, cachedTokens, sampledTokens, dollars, toolDollars, seconds } = usage;
  const read = `${promptTokens} tokens read${cachedTokens > 0 ? ` (${cachedTokens} cached)` : ""}`;
  const money = dollars + toolDollars;
  return [
    `${turns} turns`,
    `${calls} calls`,
    `${read}, ${sampledTokens} written`,
    ...(money > 0 ? [`$${money.toFixed(4)}`] : []),
    `${seconds.toFixed(1)} s`,
  ].join(", ");
};

/** The events that a stored trajectory was: what shows a live solve shows it again. */
export const eventsOf = ({ analysis, memory, answer, status, stopReason }: Trajectory, usage: Usage): FlowEvent[] => {
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
    { type: "finish" as const, status, stopReason, usage, ...(answer === undefined ? {} : { answer }) },
  ];
  return bodies.map((body, sequence) => ({ ...body, sequence }));
};

/** Lines of at most `width`, broken at spaces where there are some. */
const wrap = (text: string, width: number): string[] =>
  text.split(/\r?\n/).flatMap((line) => {
    const lines: string[] = [];
    let rest = line.trimEnd();
    while (rest.length > width) {
      const space = rest.lastIndexOf(" ", width);
      const end = space > width / 2 ? space : width;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).trimStart();
    }
    return [...lines, rest];
  });
