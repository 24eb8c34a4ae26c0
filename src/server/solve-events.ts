import type { Answer, Answering } from "./answering.ts";
import { conversationOf } from "./asked.ts";
import { eventResponse, type ServerEvent } from "./event-source.ts";
import { errorBody, refusalOf } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { requestFields } from "./schema.ts";

interface SolveRequest {
  readonly model: string;
  readonly question: string;
  readonly user?: string;
}

/** `POST /api/solve`: one question, and everything that its solve does while it does it. */
export const solveEventsRoute = (answer: Answer): Route =>
  route<SolveRequest>({
    method: "post",
    path: "/api/solve",
    summary: "Answers a question as a stream of the solve's events: who answers, each turn, and the answer's facts.",
    body: {
      type: "object",
      required: ["model", "question"],
      additionalProperties: false,
      properties: {
        model: requestFields.model ?? {},
        question: { type: "string", minLength: 1, maxLength: 16_000 },
        user: { type: "string", maxLength: 512 },
      },
    },
    reply: {
      description:
        "Server-sent events: `solve-start`, the events of the solve by their types, then `solve-end` or `error`.",
      events: true,
    },
    handle: async ({ body, abortSignal, leave }) => {
      const { question, ...who } = body;
      const asked = conversationOf([{ role: "user", content: question }], "question");
      const answering = await answer({ ...who, ...asked }, abortSignal);
      return eventResponse(eventsOf(answering), leave, answering.headers);
    },
  });

async function* eventsOf({ id, choice, stream, facts }: Answering): AsyncGenerator<ServerEvent> {
  const named = <Data extends { readonly type: string }>(data: Data): ServerEvent => ({ event: data.type, data });
  const { model, policy, arm } = choice;
  yield named({ type: "solve-start", trajectory: id, model, policy: policy ?? null, arm });
  try {
    for await (const event of stream) yield { id: String(event.sequence), ...named(event) };
    const result = await stream.result;
    if (result.status === "failed") throw result.error;
    yield named({ type: "solve-end", ...facts(result), usage: result.usage });
  } catch (error) {
    yield named({ type: "error", ...errorBody(refusalOf(error)) });
  }
}
