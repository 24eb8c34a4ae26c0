import type { Trajectory } from "../../trajectory.ts";

/** A trajectory that is written for other programs, with what the run knows of its task. */
export interface Exported {
  readonly trajectory: Trajectory;
  /** Id of the run. */
  readonly run: string;
  readonly phase?: string | undefined;
  /** Of training; counts from 1. */
  readonly step?: number | undefined;
  readonly set?: string | undefined;
  readonly family?: string | undefined;
  readonly expected?: string | undefined;
  readonly reward?: number | undefined;
}

/** What a run's files say once for all of its trajectories. */
export interface ExportSource {
  readonly run: string;
  /** Of the package. */
  readonly version: string;
  readonly model: string;
  /** When the run began, in milliseconds: trajectories have no times of their own, so that the same run gives the same bits. */
  readonly began: number;
}

/** When a run began, by its id; undefined for a name that does not say it, as of a folder that was renamed. */
export const beganOf = (run: string): number | undefined => {
  const [, day, hours, minutes] = /^(\d{4}-\d{2}-\d{2})-(\d{2})(\d{2})-/.exec(run) ?? [];
  // Checked first: Date.parse reads a time even from words that are none.
  const at = day === undefined ? Number.NaN : Date.parse(`${day}T${hours}:${minutes}:00Z`);
  return Number.isNaN(at) ? undefined : at;
};

/** What came of a call, as its text. */
export const outcomeText = (observation: Trajectory["memory"][number]["observation"]): string =>
  observation.status === "ok" ? observation.text : observation.error;

/** Arguments of a call as an object, which all formats want. */
export const argumentsOf = (input: unknown): Readonly<Record<string, unknown>> =>
  typeof input === "object" && input !== null && !Array.isArray(input)
    ? (input as Readonly<Record<string, unknown>>)
    : { input };

/** The id of the call in a turn. */
export const callId = (turn: number): string => `call-${turn}`;
