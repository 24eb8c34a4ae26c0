import type { Policy } from "../../engine.ts";
import type { Futures } from "./futures.ts";
import type { Sequence } from "./sequence.ts";
import type { LoraRequest } from "./state-files.ts";

/** A snapshot that its model keeps for sampling sessions only. */
export interface Passing {
  readonly name: string;
  /** Hash of its state. */
  readonly state: string;
  /** Whether it had a name, which another one has now: it was set aside. */
  readonly aside: boolean;
}

/** A model that clients train: a policy, and its requests in the order of their numbers. */
export interface Model {
  readonly id: string;
  readonly lora: LoraRequest | undefined;
  /** Where its results are asked for. */
  readonly futures: Futures;
  /** When it was last asked for something, in milliseconds of the clock of wall time. */
  lastRequest: number;
  readonly policy: Promise<Policy>;
  readonly sequence: Sequence;
  readonly once: (seq: number, hash: string, answer: () => object) => object;
  /** Oldest first. */
  passing: readonly Passing[];
}
