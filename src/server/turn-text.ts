import type { FlowEvent } from "../event.ts";

/** Of a call's input or a result, in characters. */
const SHOWN = 600;

const cut = (text: string): string => {
  const line = text.replace(/\s+/gu, " ").trim();
  return line.length > SHOWN ? `${line.slice(0, SHOWN - 1)}…` : line;
};

/** What a reader of reasoning sees of a solve, event by event: plan, call, result and verdict of each turn, and the solution. */
export const turnText = (): ((event: FlowEvent) => string) => {
  let streamed = false;
  return (event) => {
    switch (event.type) {
      case "plan-start":
        streamed = false;
        return `Turn ${event.turn}: `;
      case "plan-delta":
        streamed = true;
        return event.text;
      case "plan-end":
        return streamed ? "\n" : `${cut(`${event.tool} ${event.subGoal}`)}\n`;
      case "tool-call":
        return `  ${event.call.tool}(${cut(JSON.stringify(event.call.input) ?? "")})\n`;
      case "tool-result":
        return `  = ${cut(event.observation.text)}\n`;
      case "tool-error":
        return `  ${event.observation.status}: ${cut(event.observation.error)}\n`;
      case "verdict-end":
        return `  ${event.verdict.decision}: ${cut(event.verdict.reason)}\n`;
      case "solution-delta":
        return event.text;
      default:
        return "";
    }
  };
};
