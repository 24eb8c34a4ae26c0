import { type Route, route } from "./route.ts";
import { count, listOf, nullable, objectOf, text } from "./schema.ts";
import type { ServedModels } from "./served-models.ts";

/** `GET /v1/models`: each flow, and each version of it that can be asked for by its hash. */
export const modelsRoute = (models: ServedModels, startedAt: number): Route =>
  route({
    method: "get",
    path: "/v1/models",
    summary: "Lists flows, and the policy versions that can be asked for.",
    reply: {
      description: "Models as OpenAI's clients list them.",
      schema: objectOf({
        object: { const: "list" },
        data: listOf(
          objectOf({
            id: text,
            object: { const: "model" },
            created: count,
            owned_by: text,
            flow: text,
            policy: nullable("string"),
            state: { enum: ["flow", "serving", "candidate", "previous"] },
          }),
        ),
      }),
    },
    handle: () =>
      Response.json({
        object: "list",
        data: models.list().map((model) => ({
          ...model,
          object: "model",
          created: Math.floor(startedAt / 1000),
          owned_by: "agentflow",
        })),
      }),
  });
