import type { FlowState, ModuleContext } from "../src/module.ts";
import { randomKey } from "../src/random.ts";
import type { Field, ToolMetadata, Toolset } from "../src/tool.ts";
import { type ErrorReason, type MemoryEntry, type Observation, stepOf } from "../src/trajectory.ts";

/** A turn that was made: its action, the texts of its call, and the fields that it brought or why it failed. */
export interface MadeTurn {
  readonly action: string;
  readonly input?: Readonly<Record<string, unknown>>;
  readonly fields?: Readonly<Record<string, Field>>;
  readonly error?: ErrorReason;
}

const observationOf = ({ fields = {}, error }: MadeTurn): Observation =>
  error === undefined
    ? { status: "ok", text: "", fields }
    : { status: ["unavailable", "timeout", "tool-error"].includes(error) ? "failed" : "refused", reason: error, error };

/** What tools are, for rules that go by it. */
const kinds: Readonly<Record<string, ToolMetadata>> = {
  calculate: { computes: true, answerField: "value" },
  reckon: { computes: true },
  web_page: { takes: "address" },
  base_generator: { takes: "question" },
};

/** What a planner sees of a question with these entities, after these turns. */
export const stateOf = (
  entities: readonly string[],
  turns: readonly MadeTurn[] = [],
  tools: readonly string[] | Toolset = [],
): FlowState => ({
  query: { id: "q", question: entities.join(" ") },
  analysis: { entities, template: "" },
  tools: Array.isArray(tools)
    ? Object.fromEntries(
        tools.map((name) => [
          name,
          { description: "", inputSchema: {}, execute: () => "", ...(kinds[name] && { metadata: kinds[name] }) },
        ]),
      )
    : (tools as Toolset),
  memory: turns.map((turn, i): MemoryEntry => {
    const step = stepOf(turn.action);
    return {
      index: i + 1,
      step,
      ...(turn.input !== undefined && { call: { tool: step.tool, input: turn.input } }),
      observation: observationOf(turn),
      verdict: { decision: "continue", reason: "" },
      turnsLeft: 9 - i,
    };
  }),
  turn: turns.length + 1,
  turnsLeft: 10 - turns.length,
});

/** What a module gets besides, by a seed. */
export const contextOf = (seed: number): ModuleContext => ({
  history: "test",
  randomKey: randomKey(seed),
  turns: [],
  versions: {},
  abortSignal: new AbortController().signal,
});

export const text = (value: string): Field => ({ kind: "text", value });
export const number = (value: number, unit?: string): Field => ({ kind: "number", value, ...(unit && { unit }) });
export const date = (value: string): Field => ({ kind: "date", value });
export const address = (value: string): Field => ({ kind: "address", value });
