import { ModelError } from "../errors.ts";
import type { ChatModel, ChatReply, ChatRequest } from "../model.ts";
import { bodyOf, type Defaults, limitOf, newHabits, type RequestBody } from "./openai-request.ts";
import type { Starved } from "./starved.ts";

/** One request to a model; `limit` is that of its reply, in tokens. Throws `ModelError`. */
export type Ask = (request: ChatRequest, body: RequestBody, limit: number) => Promise<ChatReply>;

/**
 * Asks a model, and asks again in another way where that helps: without what its endpoint says it does not know, and
 * once with more room where its thoughts took all. What it has learnt of the endpoint it keeps.
 */
export const asking = (defaults: Defaults, ask: Ask): ChatModel["complete"] => {
  const habits = newHabits();
  return async (request) => {
    if (request.messages.length === 0) throw new ModelError("The request has no message to reply to.");
    let earlier: Starved | undefined;
    for (;;) {
      const { version } = habits;
      const limit = limitOf(request, defaults, habits);
      const body = bodyOf(request, defaults, habits, limit);
      try {
        return stopped(await ask(request, body, limit), request);
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        const { askAgain } = await import("./ask-again.ts");
        const next = askAgain(error, { habits, request, body, limit, version, earlier });
        if ("reply" in next) return stopped(next.reply, request);
        earlier = next.earlier;
      }
    }
  };
};

/** A reply that ends where it was to stop, also of an endpoint that takes no notice of that. */
const stopped = (reply: ChatReply, { stop }: ChatRequest): ChatReply => {
  const ends = stop?.map((end) => reply.text.indexOf(end)).filter((at) => at > 0) ?? [];
  return ends.length === 0 ? reply : { ...reply, text: reply.text.slice(0, Math.min(...ends)) };
};
