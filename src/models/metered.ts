import type { Meter } from "../budget.ts";
import type { ChatModel } from "../model.ts";

/** A model whose calls are counted by a meter: it is asked before each call, which it may forbid, and told of it after. */
export const metered = (model: ChatModel, meter: Meter): ChatModel => ({
  id: model.id,
  ...(model.promptStyle === undefined ? {} : { promptStyle: model.promptStyle }),
  complete: async (request) => {
    meter.check();
    const reply = await model.complete(request);
    const { promptTokens, sampledTokens, cachedTokens = 0, dollars = 0 } = reply;
    meter.charge({ promptTokens, sampledTokens, cachedTokens, dollars });
    return reply;
  },
});
