import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { validatorOf } from "../flow/input/validator.ts";
import { jsonBody } from "./body.ts";
import { RequestError } from "./request-error.ts";

/** What a handler gets of a request that was let in. */
export interface Call<Body> {
  readonly request: Request;
  /** Parts of the path, by name. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Of the route's schema. */
  readonly body: Body;
  /** Aborted when the client is gone, and when the server ends. */
  readonly abortSignal: AbortSignal;
  /** Aborts it: for a reply that is streamed. */
  readonly leave: () => void;
}

/** What comes back: JSON of a schema, or a stream of events that a text describes. */
export interface Reply {
  readonly description: string;
  readonly schema?: PlainSchema;
  /** Set where the reply is, or can be, a stream of server-sent events. */
  readonly events?: true;
}

/** One operation: what the app registers, what checks its requests and what `/openapi.json` shows are the same data. */
export interface Route<Body = unknown> {
  readonly method: "get" | "post" | "delete";
  /** With parts such as `:id`. */
  readonly path: string;
  readonly summary: string;
  /** Whether it answers without the token. @default false */
  readonly open?: true;
  readonly query?: Readonly<Record<string, PlainSchema>>;
  readonly body?: PlainSchema;
  readonly reply: Reply;
  handle(call: Call<Body>): Response | Promise<Response>;
}

/** A route that can stand in a list with others: the handler gets what its schema lets through. */
export const route = <Body = undefined>(made: Route<Body>): Route =>
  ({ ...made, handle: (call) => made.handle({ ...call, body: call.body as Body }) }) satisfies Route;

/** Reads and checks a request by its route. Throws `RequestError` 400 that names the field. */
export const readerOf = ({
  body,
  query = {},
}: Route): ((request: Request) => Promise<Pick<Call<unknown>, "query" | "body">>) => {
  const checkBody = body === undefined ? undefined : validatorOf(body);
  const checks = Object.entries(query).map(([name, schema]) => ({ name, schema, check: validatorOf(schema) }));
  return async (request) => {
    const given = Object.fromEntries(new URL(request.url).searchParams);
    for (const { name, schema, check } of checks) {
      const text = given[name];
      if (text === undefined) continue;
      const problem = check(schema.type === "integer" && /^-?\d{1,15}$/.test(text) ? Number(text) : text);
      if (problem !== undefined)
        throw new RequestError(400, `${name} does not fit: ${aboutIt(problem)}.`, { param: name });
    }
    const unknown = Object.keys(given).find((name) => !Object.hasOwn(query, name));
    if (unknown !== undefined)
      throw new RequestError(
        400,
        `The parameter ${JSON.stringify(unknown.slice(0, 60))} is unknown: accepted are ${Object.keys(query).join(", ") || "none"}.`,
        { param: unknown.slice(0, 60) },
      );
    if (checkBody === undefined) return { query: given, body: undefined };
    const json = await jsonBody(request);
    const problem = checkBody(json);
    if (problem !== undefined) throw new RequestError(400, `The body does not fit: ${aboutIt(problem)}.`);
    return { query: given, body: json };
  };
};

/** What is wrong with a whole is said of it: `it lacks "trajectory"`. */
const aboutIt = (problem: string): string => problem.replace(/^input\b/, "it");
