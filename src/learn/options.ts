import type { Clock } from "../clock.ts";
import type { Engine } from "../engine.ts";
import type { EnvironmentSource } from "../environment.ts";
import type { RolloutQueue } from "../workers/queue.ts";
import type { PlannerSource } from "./planner-source.ts";
import type { Recipe } from "./recipe.ts";
import type { AskedSettings } from "./settings.ts";

/** Ends a run: at once, or after the step under way, with evaluation and saving. */
export interface LearnSignals {
  /** Stops now; the run's report rejects with the signal's reason, and the run can be resumed. */
  readonly abortSignal?: AbortSignal | undefined;
  /**
   * Stops after this step, then evaluates, saves and reports. Before the first step there is nothing to save yet: it then
   * stops at once, as `abortSignal` does.
   */
  readonly stopSignal?: AbortSignal | undefined;
}

/** Both signals of a run that is under way. */
export type RunSignals = Readonly<Record<"abortSignal" | "stopSignal", AbortSignal>>;

export interface LearnOptions extends AskedSettings, LearnSignals {
  readonly environment: EnvironmentSource;
  /**
   * The engine of the planner that learns. An engine that is passed stays the caller's to dispose.
   * @default the environment's built-in model, or a small planner that is made for its tools
   */
  readonly planner?: PlannerSource | Engine | undefined;
  /** How to train and to measure. @default chosen by what learns, see `chooseRecipe` */
  readonly recipe?: Recipe | undefined;
  /**
   * Where workers meet the run: they do its solves, in other processes (`localQueue`, `natsQueue` of `agentflow/workers`).
   * Changes time and not results. @default all solves are done in this process
   */
  readonly queue?: RolloutQueue | undefined;
  /** Where the run's folder is made. @default "runs" */
  readonly folder?: string | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}
