import type { Budget, Meter } from "../budget.ts";
import { BudgetError, ConfigError } from "../errors.ts";
import type { Spent, Usage } from "../usage.ts";

/** Which limit is reached, if one is: turns and seconds are the loop's own affair. */
export const reached = (
  { tokens, calls, dollars, toolDollars }: Required<Budget>,
  usage: Usage,
): "tokens" | "calls" | "dollars" | "toolDollars" | undefined => {
  if (usage.promptTokens + usage.sampledTokens >= tokens) return "tokens";
  if (usage.calls >= calls) return "calls";
  if (usage.dollars >= dollars) return "dollars";
  return usage.toolDollars >= toolDollars ? "toolDollars" : undefined;
};

/** A budget in dollars that cannot be kept: it is not known what this model costs. */
export const unpricedError = (dollars: number, model: string): ConfigError =>
  new ConfigError(
    `budget.dollars is ${dollars}, and ${model} has no price: give one ({ price: { prompt, sampled } }, in US dollars for a million tokens), or limit tokens instead.`,
  );

/** The meter of one solve. What it counts is counted by the parent too, whose limits hold as well. */
export class SolveMeter implements Meter {
  readonly #budget: Required<Budget>;
  readonly #usage: { -readonly [Name in keyof Usage]: number };
  readonly #parent: Meter | undefined;

  constructor(budget: Required<Budget>, usage: { -readonly [Name in keyof Usage]: number }, parent: Meter | undefined) {
    this.#budget = budget;
    this.#usage = usage;
    this.#parent = parent;
  }

  charge(spent: Spent): void {
    // A solve that has ended counts no more: its usage is what was reported.
    if (!Object.isFrozen(this.#usage)) {
      this.#usage.promptTokens += spent.promptTokens ?? 0;
      this.#usage.cachedTokens += spent.cachedTokens ?? 0;
      this.#usage.sampledTokens += spent.sampledTokens ?? 0;
      this.#usage.dollars += spent.dollars ?? 0;
      this.#usage.toolDollars += spent.toolDollars ?? 0;
    }
    this.#parent?.charge(spent);
    if (spent.unpriced !== undefined && Number.isFinite(this.#budget.dollars))
      throw unpricedError(this.#budget.dollars, spent.unpriced);
  }

  check(): void {
    const limit = reached(this.#budget, this.#usage);
    // The call that is under way has been counted already.
    if (limit !== undefined && limit !== "calls")
      throw new BudgetError(`The budget of ${this.#budget[limit]} ${limit} is used up: nothing more is called.`);
    this.#parent?.check();
  }
}
