import type { SolveResult } from "../flow/flow.ts";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import type { Utterance } from "../task.ts";
import { type Answer, type Answering, answerText } from "./answering.ts";
import {
  type AskedConversation,
  type AskedFields,
  type AskedMessage,
  conversationOf,
  refuseTools,
  requireTextAnswer,
} from "./asked.ts";
import { readToEnd, requireAnswer } from "./chat-completions.ts";
import { eventResponse, type ServerEvent } from "./event-source.ts";
import { errorBody, RequestError, refusalOf } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { answerFacts, count, listOf, message, nullable, objectOf, requestFields, text } from "./schema.ts";
import { turnText } from "./turn-text.ts";

interface ResponsesRequest extends AskedFields {
  readonly input: string | readonly (AskedMessage & { readonly type?: string })[];
  readonly instructions?: string | null;
  readonly previous_response_id?: string | null;
  readonly store?: boolean | null;
}

const requestSchema: PlainSchema = {
  type: "object",
  required: ["model", "input"],
  properties: {
    ...requestFields,
    input: {
      anyOf: [
        { type: "string", minLength: 1, maxLength: 200_000 },
        { type: "array", minItems: 1, maxItems: 1000, items: message },
      ],
    },
    instructions: { type: ["string", "null"], maxLength: 50_000 },
    previous_response_id: { type: ["string", "null"], maxLength: 200 },
    store: { type: ["boolean", "null"] },
  },
};

const replySchema: PlainSchema = objectOf({
  id: text,
  object: { const: "response" },
  created_at: count,
  status: { enum: ["in_progress", "completed", "incomplete", "failed"] },
  model: text,
  output: listOf({ type: "object", required: ["id", "type"] }),
  output_text: text,
  usage: objectOf({ input_tokens: count, output_tokens: count, total_tokens: count }),
  previous_response_id: nullable("string"),
  agentflow: answerFacts,
});

/** Conversations that a response can be continued from, and the longest of them in characters. */
const MOST_KEPT = 1024;
const LONGEST_KEPT = 20_000;

/** `POST /v1/responses`, OpenAI's newer protocol: the same answers, and conversations by the id of the response before. */
export const responses = (answer: Answer, now: () => number): Route => {
  const kept = new Map<string, readonly Utterance[]>();
  const keep = (id: string, said: readonly Utterance[]): void => {
    if (said.reduce((sum, { text: one }) => sum + one.length, 0) > LONGEST_KEPT) return;
    kept.set(id, said);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  };
  return route<ResponsesRequest>({
    method: "post",
    path: "/v1/responses",
    summary: "Answers an input; previous_response_id continues a conversation.",
    body: requestSchema,
    reply: { description: "The response, or with `stream` its events.", schema: replySchema, events: true },
    handle: async ({ body, abortSignal, leave }) => {
      refuseTools(body);
      requireTextAnswer(body);
      const asked = inputOf(body, kept);
      const answering = await answer({ ...body, ...asked }, abortSignal);
      const id = `resp_${answering.id}`;
      const head: Head = {
        id,
        created_at: Math.floor(now() / 1000),
        model: body.model,
        previous_response_id: body.previous_response_id ?? null,
      };
      const onEnd = (result: SolveResult): void => {
        if (body.store === false) return;
        const said = { role: "assistant" as const, text: answerText(result) };
        keep(id, [...asked.conversation, { role: "user", text: asked.question }, said]);
      };
      if (body.stream === true) return eventResponse(events(answering, head, onEnd), leave, answering.headers);
      const { reasoning, result } = await readToEnd(answering);
      onEnd(result);
      return Response.json(responseOf(head, answering, reasoning, result), { headers: answering.headers });
    },
  });
};

interface Head {
  readonly id: string;
  readonly created_at: number;
  readonly model: string;
  readonly previous_response_id: string | null;
}

const inputOf = (
  { input, instructions, previous_response_id: previous }: ResponsesRequest,
  kept: ReadonlyMap<string, readonly Utterance[]>,
): AskedConversation => {
  const messages: readonly AskedMessage[] = typeof input === "string" ? [{ role: "user", content: input }] : input;
  const { question, conversation } = conversationOf(messages, "input");
  const before = previous === undefined || previous === null ? [] : kept.get(previous);
  if (before === undefined)
    throw new RequestError(
      404,
      `The response ${JSON.stringify(previous)} is not kept here (any more): send its messages as input.`,
      {
        code: "previous_response_not_found",
        param: "previous_response_id",
      },
    );
  const setting: readonly Utterance[] =
    instructions === undefined || instructions === null || instructions === ""
      ? []
      : [{ role: "system", text: instructions }];
  return { question, conversation: [...setting, ...before, ...conversation] };
};

/** The two items of an output, by the id of their response. */
const itemsOf = ({ id }: Head) => ({
  reasoning: (said: string | undefined, status = "completed"): object => ({
    id: `rs_${id}`,
    type: "reasoning",
    status,
    summary: said === undefined ? [] : [{ type: "summary_text", text: said }],
  }),
  message: (said: string | undefined, status = "completed"): object => ({
    id: `msg_${id}`,
    type: "message",
    role: "assistant",
    status,
    content: said === undefined ? [] : [{ type: "output_text", text: said, annotations: [] }],
  }),
});

const shell = (head: Head, status: string, output: readonly object[]): object => ({
  ...head,
  object: "response",
  status,
  output,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  parallel_tool_calls: false,
  temperature: null,
  top_p: null,
  tool_choice: "auto",
  tools: [],
});

const responseOf = (head: Head, answering: Answering, reasoning: string, result: SolveResult): object => {
  const items = itemsOf(head);
  const { promptTokens, cachedTokens, sampledTokens } = result.usage;
  return {
    ...shell(head, "completed", [items.reasoning(reasoning), items.message(answerText(result))]),
    output_text: answerText(result),
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedTokens },
      output_tokens: sampledTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: promptTokens + sampledTokens,
    },
    agentflow: answering.facts(result),
  };
};

/** The events of a streamed response, in the order in which OpenAI's clients expect them. */
async function* events(
  answering: Answering,
  head: Head,
  onEnd: (result: SolveResult) => void,
): AsyncGenerator<ServerEvent> {
  let sequence = 0;
  const event = (type: string, fields: object): ServerEvent => ({
    event: type,
    data: { type, sequence_number: sequence++, ...fields },
  });
  const items = itemsOf(head);
  const [thought, said] = [
    { item_id: `rs_${head.id}`, output_index: 0, summary_index: 0 },
    { item_id: `msg_${head.id}`, output_index: 1, content_index: 0 },
  ];
  const toText = turnText();
  let reasoning = "";
  try {
    yield event("response.created", { response: shell(head, "in_progress", []) });
    yield event("response.in_progress", { response: shell(head, "in_progress", []) });
    yield event("response.output_item.added", { output_index: 0, item: items.reasoning(undefined, "in_progress") });
    yield event("response.reasoning_summary_part.added", { ...thought, part: { type: "summary_text", text: "" } });
    for await (const happened of answering.stream) {
      const delta = toText(happened);
      reasoning += delta;
      if (delta !== "") yield event("response.reasoning_summary_text.delta", { ...thought, delta });
    }
    const result = await answering.stream.result;
    requireAnswer(answering.id, result);
    onEnd(result);
    const answer = answerText(result);
    const part = (written: string): object => ({ type: "output_text", text: written, annotations: [] });
    yield event("response.reasoning_summary_text.done", { ...thought, text: reasoning });
    yield event("response.reasoning_summary_part.done", {
      ...thought,
      part: { type: "summary_text", text: reasoning },
    });
    yield event("response.output_item.done", { output_index: 0, item: items.reasoning(reasoning) });
    yield event("response.output_item.added", { output_index: 1, item: items.message(undefined, "in_progress") });
    yield event("response.content_part.added", { ...said, part: part("") });
    yield event("response.output_text.delta", { ...said, delta: answer, logprobs: [] });
    yield event("response.output_text.done", { ...said, text: answer, logprobs: [] });
    yield event("response.content_part.done", { ...said, part: part(answer) });
    yield event("response.output_item.done", { output_index: 1, item: items.message(answer) });
    yield event("response.completed", { response: responseOf(head, answering, reasoning, result) });
  } catch (error) {
    const { error: words } = errorBody(refusalOf(error)) as { readonly error: object };
    yield event("response.failed", { response: { ...shell(head, "failed", []), error: words } });
  }
}
