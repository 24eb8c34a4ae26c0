import { almanac } from "../almanac/environment.ts";
import type { EnvironmentSource } from "../environment.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { type Recipe, recipes } from "../learn/recipe.ts";
import { BUILT_IN_MODEL, localPlanner } from "../setup/local-model.ts";
import type { Arm } from "./arm.ts";
import { arms as allArms } from "./arms/all.ts";
import type { Claim } from "./claim.ts";
import { claims as allClaims } from "./claims/all.ts";
import { codeHash, type Ground, modelHash } from "./keys.ts";

/** Where claims are put to the test. @default the Almanac, with the built-in planner */
export interface ReproductionGround {
  readonly environment: EnvironmentSource;
  /** Opens a planner: of that folder, by default the one that every arm begins with. */
  readonly planner: (weights?: string) => PlannerSource;
  readonly recipe: Recipe;
  readonly claims: readonly Claim[];
  readonly arms: Readonly<Record<string, Arm>>;
  /** What stands for code, model and data in keys. */
  readonly hashes: Pick<Ground, "code" | "model" | "world">;
}

/** The built-in environment and planner. */
export const builtInGround = async (): Promise<ReproductionGround> => ({
  environment: almanac(),
  planner: (weights) => localPlanner(weights ?? BUILT_IN_MODEL),
  recipe: recipes.flowOnly,
  claims: allClaims,
  arms: allArms,
  hashes: {
    code: await codeHash(),
    model: await modelHash(BUILT_IN_MODEL),
    world: (await almanac().open({ seed: 0 })).hash,
  },
});
