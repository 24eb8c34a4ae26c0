import { ModelError } from "../errors.ts";
import type { ChatReply, ChatRequest } from "../model.ts";
import { defined } from "../options.ts";
import type { Spent } from "../usage.ts";

/** A reply that reached its limit before its answer was written: the model thought, and the limit counts thoughts too. */
export class Starved extends ModelError {
  readonly limit: number;
  /** What there is of the answer. */
  readonly reply: ChatReply | undefined;

  constructor(model: string, limit: number, { usage, reply }: { readonly usage?: Spent; readonly reply?: ChatReply }) {
    super(
      `${model} used all of its ${limit} tokens before its answer was written (finish_reason "length"): give it more (maxTokens), or let it think less.`,
      defined({ usage }),
    );
    this.limit = limit;
    this.reply = reply;
  }
}

/** Room for a model that thinks, in tokens, after a limit that was too low. */
export const moreRoom = (limit: number): number => Math.max(4 * limit, 8192);

/** Counts a reply that is thrown away, before its model is asked again. Throws `BudgetError` where that is one too many. */
export const throwAway = ({ meter }: ChatRequest, { usage }: ModelError): void => {
  if (usage !== undefined) meter?.charge(usage);
  meter?.check();
};
