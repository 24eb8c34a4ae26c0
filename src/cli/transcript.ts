import type { MemoryEntry, Observation } from "../trajectory.ts";
import { clip, pad } from "./text-width.ts";

/** What came of a call, in a few words. */
export const outcomeOf = (observation: Observation): string => {
  if (observation.status !== "ok") return `${observation.status}: ${observation.error}`;
  const { value } = observation.fields;
  if (value !== undefined) return `${value.value}${value.unit === undefined ? "" : ` ${value.unit}`}`;
  return observation.text.replaceAll("\n", " · ");
};

/** The text that a tool was called with; the sub-goal where no call came of it. */
export const argumentOf = (input: unknown, subGoal: string): string => {
  const values = typeof input === "object" && input !== null ? Object.values(input) : [];
  return values.length === 0
    ? subGoal
    : values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(", ");
};

/** What a transcript shows of a solve. */
export interface Transcribed {
  readonly memory: readonly (Pick<MemoryEntry, "index" | "step" | "observation"> & {
    readonly call?: MemoryEntry["call"] | undefined;
  })[];
  readonly answer?: string | undefined;
  readonly stopReason: string;
}

/** How a solve ended, in one line. */
const endingOf = ({ answer, stopReason }: Transcribed): string =>
  answer === undefined
    ? `no answer (${stopReason})`
    : `${answer}${stopReason === "answered" ? "" : ` (${stopReason})`}`;

/** A solve as lines of at most `width`: two a turn, then the answer. */
export const transcript = (trajectory: Transcribed, width: number): string[] => [
  ...trajectory.memory.flatMap(({ index, step, call, observation }) => [
    clip(`${index} ${step.tool === "" ? step.raw : `${step.tool} ${argumentOf(call?.input, step.subGoal)}`}`, width),
    clip(`  → ${outcomeOf(observation)}`, width),
  ]),
  clip(`= ${endingOf(trajectory)}`, width),
];

/** Two texts side by side under their titles. */
export const sideBySide = (
  left: { readonly title: string; readonly lines: readonly string[] },
  right: { readonly title: string; readonly lines: readonly string[] },
  width: number,
): string[] => {
  const rows = Math.max(left.lines.length, right.lines.length);
  const row = (a: string, b: string): string => `${pad(a, width)} │ ${b}`.trimEnd();
  return [
    row(left.title, right.title),
    ...Array.from({ length: rows }, (_, i) => row(left.lines[i] ?? "", right.lines[i] ?? "")),
  ];
};
