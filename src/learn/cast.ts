import type { Engine, Policy } from "../engine.ts";
import type { FlowOptions } from "../flow/flow.ts";
import { modelExecutor } from "../flow/model/executor.ts";
import { modelGenerator } from "../flow/model/generator.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { modelVerifier } from "../flow/model/verifier.ts";
import type { ChatModel } from "../model.ts";
import { engineModel } from "../models/index.ts";
import { adapterRecipe, type Recipe, recipe, withVerdicts } from "./recipe.ts";

/** Modules that a model can play; the others go by rules. */
export const moduleNames = ["planner", "executor", "verifier", "generator"] as const;
export type ModuleName = (typeof moduleNames)[number];

/** Modules that can be trained. */
export const trainableNames = ["planner", "verifier"] as const;
export type TrainableName = (typeof trainableNames)[number];

export interface CastOptions {
  /** Modules that the model plays, the planner always. Only a chat model can play others. @default all, of a chat model */
  readonly modules?: readonly ModuleName[] | undefined;
  /** Modules that learn, each with an adapter of its own. @default the planner */
  readonly train?: readonly TrainableName[] | undefined;
  /** Of the adapters. @default 16 */
  readonly rank?: number | undefined;
  readonly seed: number;
  /** Whether a generator by the model also writes the solution. @default false */
  readonly solution?: boolean | undefined;
  /** Show a planner with a compact prompt the verdict of each turn. @default as the recipe says */
  readonly verdicts?: boolean | undefined;
  /** @default by what learns: all weights, or adapters */
  readonly recipe?: Recipe | undefined;
}

/** Who plays which module on one local model: the trained ones with their adapters, the others on the same base without. */
export interface Cast {
  readonly modules: readonly ModuleName[];
  readonly flow: Pick<FlowOptions, "planner"> & Partial<Pick<FlowOptions, "executor" | "verifier" | "generator">>;
  /** Those that learn, the planner first. */
  readonly policies: readonly Policy[];
  /** The frozen base, which also answers for `base_generator`. */
  readonly model: ChatModel;
  readonly recipe: Recipe;
}

export const castOf = (
  engine: Engine,
  {
    modules,
    train = ["planner"],
    rank = 16,
    seed,
    solution = false,
    verdicts: shown,
    recipe: given = recipe,
  }: CastOptions,
): Cast => {
  const chat = engine.chat !== undefined;
  const adapters = engine.learns === "adapters";
  const used: Recipe = adapters ? adapterRecipe : withVerdicts(given, shown);
  const policyOf = (name: TrainableName): Policy => {
    if (!adapters) return engine.policy(name);
    return train.includes(name) ? engine.policy(name, { lora: { rank, seed } }) : engine.policy("base");
  };
  const model = engineModel(engine.policy("base"));
  const played = new Set<ModuleName>(modules ?? (chat ? moduleNames : ["planner"])).add("planner");
  for (const name of train) played.add(name);
  const planner = policyOf("planner");
  const { temperature, maxTokens, detail, verdicts } = used;
  return {
    modules: moduleNames.filter((name) => played.has(name)),
    model,
    recipe: used,
    policies: trainableNames.filter((name) => train.includes(name)).map(policyOf),
    flow: {
      planner: modelPlanner(planner, { temperature, maxTokens, detail, verdicts }),
      ...(played.has("executor") && { executor: modelExecutor(model) }),
      ...(played.has("verifier") && {
        verifier: train.includes("verifier")
          ? modelVerifier(policyOf("verifier"), { temperature })
          : modelVerifier(model, { form: "word" }),
      }),
      ...(played.has("generator") && { generator: modelGenerator(model, { solution }) }),
    },
  };
};
