import { count, number, type Rules, ruleOf } from "./options.ts";

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

/** What a solve has used so far. */
export interface Usage {
  readonly turns: number;
  readonly promptTokens: number;
  /** Of the prompt tokens, those that the model had in its cache. */
  readonly cachedTokens: number;
  readonly sampledTokens: number;
  readonly calls: number;
  readonly dollars: number;
  readonly toolDollars: number;
  readonly seconds: number;
}

/** The usage of a solve that begins. */
export const noUsage = (): { -readonly [Name in keyof Usage]: Usage[Name] } => ({
  turns: 0,
  promptTokens: 0,
  cachedTokens: 0,
  sampledTokens: 0,
  calls: 0,
  dollars: 0,
  toolDollars: 0,
  seconds: 0,
});

/** What one call of a model or a tool has used. */
export type Spent = Partial<Pick<Usage, "promptTokens" | "cachedTokens" | "sampledTokens" | "dollars" | "toolDollars">>;

/**
 * Counts what a solve uses, sub-calls included: a tool that asks a model, or a flow inside a tool, is given its
 * caller's meter.
 */
export interface Meter {
  /** Counts what was used. */
  charge(spent: Spent): void;
  /** Before a call that costs. Throws `BudgetError` once a limit is reached. */
  check(): void;
}
