import type { Meter } from "./budget.ts";
import type { ChatModel } from "./model.ts";

/**
 * A model whose calls a meter counts: it is asked before each call, which it may forbid by throwing, and told after it.
 * Without a meter it is the model itself.
 */
export const metered = (model: ChatModel, meter: Meter | undefined): ChatModel =>
  meter === undefined
    ? model
    : {
        id: model.id,
        ...(model.promptStyle === undefined ? {} : { promptStyle: model.promptStyle }),
        complete: async (request) => {
          meter.check();
          const reply = await model.complete(request);
          const { promptTokens, sampledTokens, cachedTokens = 0, dollars = 0 } = reply;
          meter.charge({ promptTokens, sampledTokens, cachedTokens, dollars });
          return reply;
        },
      };
