import type { Engine, Policy } from "../engine.ts";
import type { FlowOptions } from "../flow/flow.ts";
import { modelExecutor } from "../flow/model/executor.ts";
import { modelGenerator } from "../flow/model/generator.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { modelVerifier } from "../flow/model/verifier.ts";
import type { ChatModel } from "../model.ts";
import { engineModel } from "../models/index.ts";
import { type ModuleName, moduleNames, type TrainableName, trainableNames } from "./modules.ts";
import type { Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";

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
  readonly recipe: Recipe;
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
  { modules, train = ["planner"], rank = 16, seed, solution = false, recipe }: CastOptions,
): Cast => {
  const chat = engine.chat !== undefined;
  const adapters = engine.learns === "adapters";
  const policyOf = (name: TrainableName): Policy => {
    if (!adapters) return engine.policy(name);
    return train.includes(name) ? engine.policy(name, { lora: { rank, seed } }) : engine.policy("base");
  };
  const model = engineModel(engine.policy("base"));
  // Other modules hold a model to a form: without that, rules play them.
  const { grammars = true } = engine;
  const played = new Set<ModuleName>(modules ?? (chat && grammars ? moduleNames : ["planner"])).add("planner");
  for (const name of train) played.add(name);
  const planner = policyOf("planner");
  const { temperature, maxTokens } = recipe;
  return {
    modules: moduleNames.filter((name) => played.has(name)),
    model,
    recipe,
    policies: trainableNames.filter((name) => train.includes(name)).map(policyOf),
    flow: {
      planner: modelPlanner(planner, {
        temperature,
        maxTokens,
        ...promptsOf(recipe),
        ...(!grammars && { grammar: false }),
      }),
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
