import type { Price } from "../model.ts";

interface Tokens {
  readonly promptTokens: number;
  readonly cachedTokens?: number | undefined;
  readonly sampledTokens: number;
}

/** What tokens cost, in US dollars; undefined without a price. */
export const dollarsOf = (
  { promptTokens, cachedTokens = 0, sampledTokens }: Tokens,
  price: Price | undefined,
): number | undefined =>
  price === undefined
    ? undefined
    : ((promptTokens - cachedTokens) * price.prompt +
        cachedTokens * (price.cached ?? price.prompt) +
        sampledTokens * price.sampled) /
      1e6;
