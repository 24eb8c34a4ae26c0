import type { PlainSchema } from "../flow/input/plain-schema.ts";
import type { Route } from "./route.ts";

const errorSchema: PlainSchema = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "code", "param"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        code: { type: ["string", "null"] },
        param: { type: ["string", "null"] },
      },
    },
  },
};

/** The description of all routes, OpenAPI 3.1: made of the schemas that check the requests. */
export const openApiOf = (routes: readonly Route[], version: string): object => {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "AgentFlow", version },
    security: [{ token: [] }],
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Error: errorSchema },
    },
    paths,
  };
};

const operationOf = ({ path, summary, open, query = {}, body, reply }: Route): object => ({
  summary,
  ...(open === true && { security: [] }),
  parameters: [
    ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
      name,
      in: "path",
      required: true,
      schema: { type: "string" },
    })),
    ...Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema })),
  ],
  ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
  responses: {
    "200": {
      description: reply.description,
      content: {
        ...(reply.schema && { "application/json": { schema: reply.schema } }),
        ...(reply.events && { "text/event-stream": { schema: { type: "string" } } }),
      },
    },
    default: {
      description: "The request was not served.",
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  },
});
