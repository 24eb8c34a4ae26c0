import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { nullable, objectOf, text } from "./schema.ts";
import type { ServeRecord } from "./serve-record.ts";
import type { ServedFlow } from "./served-models.ts";

interface FeedbackRequest {
  readonly trajectory: string;
  readonly reward?: number;
  readonly thumbs?: "up" | "down";
  readonly reason?: string;
}

/** `POST /api/feedback`: what an answer was worth. It is on the disk before it is confirmed. */
export const feedbackRoute = (
  flows: Readonly<Record<string, ServedFlow>>,
  record: ServeRecord,
  redact: (reason: string) => string,
  now: () => number,
): Route => {
  // Of a trial only a person's first word counts: otherwise one answer could be judged until the test agrees.
  const judged = new Set<string>(record.earlier.map(({ trajectory }) => trajectory));
  return route<FeedbackRequest>({
    method: "post",
    path: "/api/feedback",
    summary: "Says what an answer was worth; a flow that learns while it serves learns from it.",
    body: {
      type: "object",
      required: ["trajectory"],
      additionalProperties: false,
      properties: {
        trajectory: {
          type: "string",
          minLength: 1,
          maxLength: 200,
          description: "Of the answer (agentflow.trajectory).",
        },
        reward: { type: "number", minimum: 0, maximum: 1 },
        thumbs: { enum: ["up", "down"], description: "The same as a reward of 1 or 0." },
        reason: { type: "string", maxLength: 4000 },
      },
    },
    reply: {
      description: "The judgement is kept.",
      schema: objectOf({
        trajectory: text,
        reward: { type: "number" },
        policy: nullable("string"),
        learns: { type: "boolean", description: "Whether a flow learns from it." },
      }),
    },
    handle: async ({ body }) => {
      const { trajectory, thumbs, reason } = body;
      const given = [body.reward, thumbs === undefined ? undefined : Number(thumbs === "up")].filter(
        (one) => one !== undefined,
      );
      const [reward] = given;
      if (reward === undefined || given.length > 1)
        throw new RequestError(400, "Give either reward, from 0 to 1, or thumbs, up or down.", { param: "reward" });
      const known = record.find(trajectory);
      if (known === undefined)
        throw new RequestError(
          404,
          `The trajectory ${JSON.stringify(trajectory)} is not known here: accepted are the ids of the latest answers.`,
          {
            code: "unknown_trajectory",
            param: "trajectory",
          },
        );
      if (known.answer === null)
        throw new RequestError(409, "This trajectory has no answer that could be judged.", { code: "no_answer" });
      await record.judged({ ...known, reward, reason: reason === undefined ? null : redact(reason), at: now() });
      const isFirst = !judged.has(trajectory);
      judged.add(trajectory);
      const arm = isFirst && known.arm !== "named" ? known.arm : undefined;
      const learns = flows[known.flow]?.learning?.judge(trajectory, reward, arm) ?? false;
      return Response.json({ trajectory, reward, policy: known.policy, learns });
    },
  });
};
