import type { Emit } from "./event.ts";
import { coldStartPlanner } from "./imitation.ts";
import type { TrainableName } from "./modules.ts";
import type { LearnSettings } from "./settings.ts";
import type { Learning } from "./start.ts";
import { type Agreement, coldStartVerifier } from "./verifier-imitation.ts";

/**
 * Modules that learn and have to be shown something first: an adapter the tools, the environment's built-in planner what
 * random calls found, a verifier the rules' verdicts.
 */
export const untaught = ({
  engine,
  adapters,
  planner: { name: opened },
  environment,
  policies,
  recipe,
}: Learning): readonly TrainableName[] => {
  const isNew = engine.learns === "adapters" ? adapters?.planner === undefined : opened === environment.builtInModel;
  const planner = isNew && recipe.coldStart.steps > 0 && policies[0]?.name === "planner";
  const learns = policies.some(({ name }) => name === "verifier") && adapters?.verifier === undefined;
  const verifier = learns && (recipe.verifier?.steps ?? 0) > 0;
  return [...(planner ? (["planner"] as const) : []), ...(verifier ? (["verifier"] as const) : [])];
};

/** How much a planner is shown before its first rollout; undefined where it is shown nothing. */
export const coldStartOf = (
  learning: Learning,
): { readonly steps: number; readonly sequencesPerStep: number } | undefined => {
  const { steps, plans, exercises, routes } = learning.recipe.coldStart;
  return untaught(learning).includes("planner") ? { steps, sequencesPerStep: plans + exercises + routes } : undefined;
};

export interface TeachOptions {
  readonly learning: Learning;
  readonly settings: LearnSettings;
  readonly emit: Emit;
  readonly abortSignal: AbortSignal;
}

/** Shows them, one after the other: the verifier sees what the planner then does. Returns how it agrees with the rules. */
export const teach = async (
  modules: readonly TrainableName[],
  { learning, settings: { seed, permuteRewards }, emit, abortSignal }: TeachOptions,
): Promise<Agreement | undefined> => {
  const { tools, policies, recipe, concurrency, practice, walked } = learning;
  const { environment, flow } = practice;
  const onStep = (step: number, steps: number, loss: number): void =>
    emit({ type: "imitation-step", step, steps, loss });
  let agreement: Agreement | undefined;
  for (const name of modules) {
    const policy = policies.find((one) => one.name === name);
    if (policy === undefined) continue;
    if (name === "planner") {
      const isShown = await coldStartPlanner({
        environment,
        walked: recipe.coldStart.routes === 0 ? undefined : await walked(),
        tools,
        policy,
        recipe,
        seed,
        permuted: permuteRewards,
        onStep,
        abortSignal,
      });
      if (!isShown && recipe.coldStart.routes > 0)
        emit({
          type: "diagnosis",
          message:
            "Random calls found no way to an answer that holds: nothing is imitated, and the planner is trained as it is.",
        });
    } else if (recipe.verifier !== undefined) {
      const { verifier } = recipe;
      emit({ type: "stage", stage: "rules' verdicts for the verifier to imitate" });
      agreement = await coldStartVerifier({
        environment,
        flow,
        policies,
        policy,
        recipe: { verifier },
        seed,
        concurrency,
        onStep,
        abortSignal,
      });
      const { share, verdicts, steps } = agreement;
      const percent = (100 * share).toFixed(1);
      emit({
        type: "diagnosis",
        message: `The verifier agrees with the rules in ${percent} % of ${verdicts} verdicts on unseen tasks, after ${steps} steps of imitation.`,
      });
    }
  }
  return agreement;
};
