import type { Meter } from "./budget.ts";
import type { ChatModel, ChatReply } from "./model.ts";
import { defined } from "./options.ts";
import type { Redactor } from "./secrets/redact.ts";

/**
 * A model whose calls a meter counts: it is asked before each call, which it may forbid by throwing, and told after it.
 * What the model says has no secrets in it. Without a meter and a redactor it is the model itself.
 *
 * @example
 * ```ts
 * import { metered } from "agentflow";
 * import { scriptedModel } from "agentflow/testing";
 *
 * const meter = { charge: console.log, check: () => undefined };
 * const model = metered(scriptedModel(["forty"]), meter);
 * await model.complete({ messages: [{ role: "user", content: "What is 8 times 5?" }] });
 * ```
 */
export const metered = (model: ChatModel, meter: Meter | undefined, redact?: Redactor): ChatModel =>
  meter === undefined && redact === undefined
    ? model
    : {
        id: model.id,
        ...defined({ promptStyle: model.promptStyle, secrets: model.secrets }),
        complete: async (request) => {
          meter?.check();
          const reply = await model.complete(redact === undefined ? request : { ...request, redact });
          const { promptTokens, sampledTokens, cachedTokens = 0, dollars = 0 } = reply;
          meter?.charge({ promptTokens, sampledTokens, cachedTokens, dollars });
          return redact === undefined ? reply : redactedReply(reply, redact);
        },
      };

/** A reply without secrets. Its tokens spell the text: they go where it was changed. */
export const redactedReply = (reply: ChatReply, redact: Redactor): ChatReply => {
  const { tokens, ...said } = reply;
  const text = redact(said.text);
  const clean = said.model === undefined ? { ...said, text } : { ...said, text, model: redact(said.model) };
  if (text !== said.text) return clean;
  return clean.model === said.model ? reply : { ...reply, ...clean };
};
