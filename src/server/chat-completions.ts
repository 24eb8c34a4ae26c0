import type { SolveResult } from "../flow/flow.ts";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import type { Usage } from "../usage.ts";
import type { Answer, Answering } from "./answering.ts";
import { answerText } from "./answering.ts";
import {
  type AskedFields,
  type AskedMessage,
  conversationOf,
  refuseChores,
  refuseTools,
  requireTextAnswer,
} from "./asked.ts";
import { eventResponse, type ServerEvent } from "./event-source.ts";
import { errorBody, RequestError, refusalOf } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { answerFacts, count, listOf, message, nullable, objectOf, requestFields, text } from "./schema.ts";
import { turnText } from "./turn-text.ts";

interface ChatRequest extends AskedFields {
  readonly messages: readonly AskedMessage[];
  readonly stream_options?: { readonly include_usage?: boolean } | null;
}

const requestSchema: PlainSchema = {
  type: "object",
  required: ["model", "messages"],
  properties: {
    ...requestFields,
    messages: { type: "array", minItems: 1, maxItems: 1000, items: message },
    stream_options: { type: ["object", "null"], properties: { include_usage: { type: "boolean" } } },
  },
};

const usageSchema = objectOf({ prompt_tokens: count, completion_tokens: count, total_tokens: count });
const replySchema: PlainSchema = objectOf({
  id: text,
  object: { const: "chat.completion" },
  created: count,
  model: text,
  choices: listOf(
    objectOf({
      index: count,
      message: objectOf({ role: { const: "assistant" }, content: text, reasoning_content: nullable("string") }),
      finish_reason: { enum: ["stop", "length"] },
    }),
  ),
  usage: usageSchema,
  agentflow: answerFacts,
});

/** `POST /v1/chat/completions`, OpenAI's protocol. The turns of a flow are the reasoning of its answer. */
export const chatCompletions = (answer: Answer, now: () => number): Route =>
  route<ChatRequest>({
    method: "post",
    path: "/v1/chat/completions",
    summary: "Answers the last message of a conversation.",
    body: requestSchema,
    reply: { description: "The answer, or with `stream` its parts.", schema: replySchema, events: true },
    handle: async ({ body, abortSignal, leave }) => {
      refuseTools(body);
      requireTextAnswer(body);
      const asked = conversationOf(body.messages, "messages");
      refuseChores(body, asked.question);
      const answering = await answer({ ...body, ...asked }, abortSignal);
      const head = { id: `chatcmpl-${answering.id}`, created: Math.floor(now() / 1000), model: body.model };
      if (body.stream === true)
        return eventResponse(
          chunks(answering, head, body.stream_options?.include_usage === true),
          leave,
          answering.headers,
        );
      return Response.json(await completion(answering, head), { headers: answering.headers });
    },
  });

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** Reads a solve to its end. Throws `RequestError` 502 for one that failed. */
export const readToEnd = async ({
  id,
  stream,
}: Pick<Answering, "id" | "stream">): Promise<{ readonly reasoning: string; readonly result: SolveResult }> => {
  const toText = turnText();
  let reasoning = "";
  for await (const event of stream) reasoning += toText(event);
  const result = await stream.result;
  requireAnswer(id, result);
  return { reasoning, result };
};

/** Throws `RequestError` for a solve that failed, in the words of what it was. */
export const requireAnswer = (id: string, result: SolveResult): void => {
  if (result.status !== "failed") return;
  const { status, message: words } = refusalOf(result.error);
  throw new RequestError(status === 500 ? 502 : status, `The solve ${id} failed: ${words}`, {
    code: "solve_failed",
    cause: result.error,
  });
};

const completion = async (answering: Answering, head: Head): Promise<object> => {
  const { reasoning, result } = await readToEnd(answering);
  return {
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answerText(result), reasoning_content: reasoning },
        logprobs: null,
        finish_reason: finishOf(result),
      },
    ],
    usage: usageOf(result.usage),
    agentflow: answering.facts(result),
  };
};

/** The parts of a streamed answer. The answer itself comes in one part at the end: until then a flow may still replace it. */
async function* chunks(answering: Answering, head: Head, withUsage: boolean): AsyncGenerator<ServerEvent> {
  const chunk = (delta: object, more: object = {}, finish: string | null = null): ServerEvent => ({
    data: {
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      ...(withUsage && { usage: null }),
      ...more,
    },
  });
  const toText = turnText();
  try {
    yield chunk({ role: "assistant", content: "" });
    for await (const event of answering.stream) {
      const reasoning = toText(event);
      if (reasoning !== "") yield chunk({ reasoning_content: reasoning });
    }
    const result = await answering.stream.result;
    requireAnswer(answering.id, result);
    yield chunk({ content: answerText(result) });
    yield chunk({}, { agentflow: answering.facts(result) }, finishOf(result));
    if (withUsage)
      yield { data: { ...head, object: "chat.completion.chunk", choices: [], usage: usageOf(result.usage) } };
    yield { data: "[DONE]" };
  } catch (error) {
    yield { data: errorBody(refusalOf(error)) };
  }
}

const finishOf = ({ stopReason }: SolveResult): "stop" | "length" =>
  stopReason === "turn-limit" || stopReason === "budget" ? "length" : "stop";

const usageOf = ({ promptTokens, sampledTokens, cachedTokens }: Usage): object => ({
  prompt_tokens: promptTokens,
  completion_tokens: sampledTokens,
  total_tokens: promptTokens + sampledTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
});
