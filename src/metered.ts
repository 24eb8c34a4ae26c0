import type { Meter } from "./budget.ts";
import { ModelError } from "./errors.ts";
import type { ChatModel, ChatReply } from "./model.ts";
import { defined } from "./options.ts";
import type { Redactor } from "./secrets/redact.ts";
import type { Spent } from "./usage.ts";

/** What a reply with thoughts or marks of a template in it holds at least. */
export const MARKED = /<|◁|\[\/?THINK|assistantfinal/i;

/**
 * A model whose calls a meter counts: it is asked before each call, which it may forbid by throwing, and told after it,
 * also of a reply that was of no use. What the model says has no secrets and no thoughts in it. Without a meter and a
 * redactor it is the model itself.
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
        ...defined({ promptStyle: model.promptStyle, priced: model.priced, secrets: model.secrets }),
        complete: async (request) => {
          meter?.check();
          let reply: ChatReply;
          try {
            reply = await model.complete({ ...request, meter, redact: redact ?? request.redact });
          } catch (error) {
            if (error instanceof ModelError && error.usage !== undefined) meter?.charge(spentOf(model, error.usage));
            throw error;
          }
          meter?.charge(spentOf(model, reply));
          const said = await withoutThoughts(reply, model);
          return redact === undefined ? said : redactedReply(said, redact);
        },
      };

/** What a reply has used; of a model without a price, by its name. */
const spentOf = ({ id, priced }: ChatModel, used: Spent): Spent => {
  const { promptTokens = 0, sampledTokens = 0, cachedTokens = 0, dollars } = used;
  const isKnown = dollars !== undefined || priced === true || promptTokens + sampledTokens === 0;
  return {
    promptTokens,
    sampledTokens,
    cachedTokens,
    dollars: dollars ?? 0,
    ...defined({ unpriced: isKnown ? undefined : id }),
  };
};

/** A reply of any model, freed of thoughts: the models of this package do so themselves. */
const withoutThoughts = async (reply: ChatReply, { id }: ChatModel): Promise<ChatReply> => {
  if (!MARKED.test(reply.text)) return reply;
  const { text, thought } = (await import("./thoughts.ts")).withoutThoughts(reply.text);
  if (text === reply.text) return reply;
  if (thought && text.trim() === "") throw new ModelError(`${id} thought, and wrote no answer.`);
  const { tokens: _, ...said } = reply;
  return { ...said, text };
};

/** A reply without secrets. Its tokens spell the text: they go where it was changed. */
export const redactedReply = (reply: ChatReply, redact: Redactor): ChatReply => {
  const { tokens, ...said } = reply;
  const text = redact(said.text);
  const clean = said.model === undefined ? { ...said, text } : { ...said, text, model: redact(said.model) };
  if (text !== said.text) return clean;
  return clean.model === said.model ? reply : { ...reply, ...clean };
};
