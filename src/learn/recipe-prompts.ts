import type { PromptForm, PromptOptions } from "../flow/model/prompt-form.ts";
import { defined } from "../options.ts";
import type { Recipe } from "./recipe.ts";

/** How a recipe's planner is prompted. */
export const promptsOf = ({ prompt, detail, verdicts, turnsLeft, marked, references }: Recipe): PromptOptions => ({
  detail,
  ...defined({ prompt, verdicts, turnsLeft, marked, references }),
});

/** What a saved planner says of its prompts, for those who open it. */
export type AboutPrompts = {
  readonly prompt?: PromptForm;
  readonly verdicts?: true;
  readonly turnsLeft?: false;
  readonly marked?: true;
  readonly references: NonNullable<Recipe["references"]>;
};

export const aboutPrompts = ({
  prompt,
  verdicts,
  turnsLeft,
  marked,
  references = "entries",
}: Recipe): AboutPrompts => ({
  ...(prompt !== undefined && { prompt }),
  ...(verdicts === true && { verdicts }),
  ...(turnsLeft === false && { turnsLeft }),
  ...(marked === true && { marked }),
  references,
});
