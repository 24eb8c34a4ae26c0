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
export interface Spent
  extends Partial<Pick<Usage, "promptTokens" | "cachedTokens" | "sampledTokens" | "dollars" | "toolDollars">> {
  /** The model whose tokens these are, where it is not known what they cost. */
  readonly unpriced?: string;
}
