import type { ChatModel } from "../model.ts";

/** Stands behind tools that ask a model where no model is to answer: it knows nothing. */
export const silentModel: ChatModel = {
  id: "silent",
  complete: async () => ({ text: "unknown", promptTokens: 0, sampledTokens: 0 }),
};
