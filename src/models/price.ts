import type { ChatReply, Price } from "../model.ts";

/** What a reply cost, in US dollars; undefined without a price. */
export const dollarsOf = (
  { promptTokens, cachedTokens = 0, sampledTokens }: ChatReply,
  price: Price | undefined,
): number | undefined =>
  price === undefined
    ? undefined
    : ((promptTokens - cachedTokens) * price.prompt +
        cachedTokens * (price.cached ?? price.prompt) +
        sampledTokens * price.sampled) /
      1e6;
