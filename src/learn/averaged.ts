import type { Policy } from "../engine.ts";
import type { Recipe } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";

/** What policies go back towards at the end: their state now, where the recipe says so. Without a guard the last version is kept as it is. */
export const startOf = async (
  policies: readonly Policy[],
  { average = 1 }: Pick<Recipe, "average">,
  { guard }: Pick<LearnSettings, "guard">,
): Promise<readonly Uint8Array[] | undefined> =>
  guard && average < 1 ? await Promise.all(policies.map((policy) => policy.exportState())) : undefined;

/** Goes part of the way back to the first weights, as far as the recipe says. An engine that cannot stays where it is. */
export const goBackTowards = async (
  start: readonly Uint8Array[] | undefined,
  policies: readonly Policy[],
  { average = 1 }: Pick<Recipe, "average">,
): Promise<void> => {
  for (const [i, policy] of policies.entries()) {
    const state = start?.[i];
    if (state !== undefined) await policy.average?.(state, average);
  }
};
