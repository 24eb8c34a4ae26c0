import type { PromptOptions } from "../flow/model/prompt-form.ts";
import { defined } from "../options.ts";
import type { Recipe } from "./recipe.ts";

/** How a recipe's planner is prompted. */
export const promptsOf = ({
  detail,
  verdicts,
  turnsLeft,
  marked,
  references,
}: Recipe): Omit<PromptOptions, "prompt"> => ({
  detail,
  ...defined({ verdicts, turnsLeft, marked, references }),
});

/** What a saved planner says of its prompts, for those who open it. */
export const aboutPrompts = ({
  verdicts,
  turnsLeft,
  marked,
}: Recipe): { readonly verdicts?: true; readonly turnsLeft?: false; readonly marked?: true } => ({
  ...(verdicts === true && { verdicts }),
  ...(turnsLeft === false && { turnsLeft }),
  ...(marked === true && { marked }),
});
