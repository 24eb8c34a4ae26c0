import { count, number, type Rules, ruleOf } from "./options.ts";
import type { Spent } from "./usage.ts";

/** Hard limits of one solve. The first one that is hit ends it with a partial result and its name as the reason. */
export interface Budget {
  /** Planner turns. @default 10 */
  readonly turns?: number;
  /** Tokens of all models together. @default 100_000 */
  readonly tokens?: number;
  /** Wall-clock seconds. @default 600 */
  readonly seconds?: number;
  /** Tool calls that reach a tool. @default 100 */
  readonly calls?: number;
  /** Money for models, in US dollars, by the prices that the models name. @default no limit */
  readonly dollars?: number;
  /** Money for tools, in US dollars, by what the tools charge. @default no limit */
  readonly toolDollars?: number;
}

const above0 = number({ above: 0 });

/** What a budget may say, and how. */
const budgetRules: Rules<Budget> = {
  turns: count,
  tokens: count,
  seconds: above0,
  calls: count,
  dollars: above0,
  toolDollars: above0,
};
export const budget = ruleOf(budgetRules);

/**
 * Counts what a solve uses, sub-calls included: a tool that asks a model, or a flow inside a tool, is given its
 * caller's meter.
 */
export interface Meter {
  /** Counts what was used. Throws `ConfigError` where there is a budget in dollars and a model without a price. */
  charge(spent: Spent): void;
  /** Before a call that costs. Throws `BudgetError` once a limit is reached. */
  check(): void;
}
