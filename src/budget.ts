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
}

/** What a solve has used so far. */
export interface Usage {
  readonly turns: number;
  readonly promptTokens: number;
  readonly sampledTokens: number;
  readonly calls: number;
  readonly seconds: number;
}
