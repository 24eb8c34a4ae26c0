import type { EnvironmentSource } from "../../environment.ts";
import type { PlannerSource } from "../../learn/planner-source.ts";
import type { Recipe } from "../../learn/recipe.ts";
import type { Sizes } from "../options.ts";
import type { ArmResult } from "../result.ts";

/** Where arms are run: the environment, the planner that learns, how it learns, and earlier results. */
export interface ArmContext {
  readonly environment: EnvironmentSource;
  /** Opens the planner of an arm: that of the folder, by default the one that all begin with. */
  readonly planner: (weights?: string) => PlannerSource;
  readonly recipe: Recipe;
  readonly steps: number;
  readonly sizes: Sizes;
  readonly seed: number;
  /** The arm's own folder: what it has done already when it is killed. */
  readonly folder: string;
  /** The result of an arm that this one needs. */
  readonly resultOf: (name: string) => ArmResult;
  /** The folder of the weights that an arm has made for a module. */
  readonly weightsOf: (name: string, module: "planner" | "verifier") => Promise<string>;
  /** Where an arm has kept its rollouts. */
  readonly folderOf: (name: string) => string;
  /** How far it is, from 0 to 1, and in words. */
  readonly onProgress: (share: number, words: string) => void;
  readonly abortSignal: AbortSignal;
}
