import type { Random } from "../random.ts";

/** What goes wrong with one request to a model. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: number | string }
  /** The connection is reset. */
  | { readonly kind: "reset" }
  /** No reply ever comes. */
  | { readonly kind: "hang" }
  /** A byte, or a streamed part, per interval in milliseconds. */
  | { readonly kind: "drip"; readonly milliseconds: number }
  /** The reply ends half-way. */
  | { readonly kind: "truncate" }
  /** This instead of a completion. */
  | { readonly kind: "body"; readonly body: string }
  /** A completion with this text, which is not what was asked for. */
  | { readonly kind: "text"; readonly text: string }
  /** 5 MB of text. */
  | { readonly kind: "huge" }
  /** The first part of a stream comes twice. */
  | { readonly kind: "duplicate" };

export const isFault = <Kind extends Fault["kind"]>(
  fault: Fault | undefined,
  kind: Kind,
): fault is Extract<Fault, { readonly kind: Kind }> => fault?.kind === kind;

/** Faults of the infrastructure: the model itself has done nothing wrong. */
export const infrastructureFaults: readonly Fault[] = [
  { kind: "status", status: 500 },
  { kind: "status", status: 503 },
  { kind: "status", status: 429 },
  { kind: "status", status: 429, retryAfter: 0 },
  { kind: "reset" },
  { kind: "hang" },
  { kind: "drip", milliseconds: 20 },
  { kind: "truncate" },
  { kind: "body", body: "" },
  { kind: "body", body: '{"unexpected": true}' },
  { kind: "huge" },
  { kind: "duplicate" },
];

/** Replies that a model really gives when it errs: they are answers, and what comes of them is its doing. */
export const modelFaults: readonly Fault[] = [
  { kind: "text", text: "nonexistent_tool do something" },
  { kind: "text", text: '{"wrong": "schema"}' },
];

/**
 * A fault at a rate, drawn from a list: for the `fault` of `openaiServer`.
 *
 * @example
 * ```ts
 * import { random, randomKey } from "agentflow";
 * import { openaiServer, randomFaults } from "agentflow/testing";
 *
 * const fault = randomFaults(random(randomKey("faults", 7)), 0.3);
 * const server = await openaiServer({ reply: () => "forty", fault });
 * ```
 */
export const randomFaults =
  (random: Random, rate: number, faults: readonly Fault[] = infrastructureFaults): (() => Fault | undefined) =>
  () =>
    random.next() < rate ? random.pick(faults) : undefined;
