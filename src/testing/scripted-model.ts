import { ModelError } from "../errors.ts";
import type { ChatModel, ChatRequest } from "../model.ts";

/** A model double, with all requests that it got. */
export interface ScriptedModel extends ChatModel {
  readonly requests: readonly ChatRequest[];
}

/**
 * A chat model that gives its replies in order (the last one for ever) or by a function of the request.
 * An Error among the replies is thrown as a `ModelError`.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { scriptedModel } from "agentflow/testing";
 *
 * const model = scriptedModel(["stock A-17", "12"]);
 * const flow = createFlow({ model, tools: {} });
 * ```
 */
export const scriptedModel = (
  replies: readonly (string | Error)[] | ((request: ChatRequest) => string | Error),
  id = "scripted",
): ScriptedModel => {
  const requests: ChatRequest[] = [];
  return {
    id,
    requests,
    priced: true,
    complete: async (request) => {
      const reply =
        typeof replies === "function" ? replies(request) : replies[Math.min(requests.length, replies.length - 1)];
      requests.push(request);
      if (reply === undefined) throw new ModelError("The scripted model has no replies.");
      if (reply instanceof Error) throw new ModelError(reply.message, { cause: reply });
      const words = request.messages.reduce((sum, { content }) => sum + wordCount(content), 0);
      return { text: reply, promptTokens: words, sampledTokens: wordCount(reply) };
    },
  };
};

const wordCount = (text: string): number => text.split(/\s+/u).filter((word) => word !== "").length;
