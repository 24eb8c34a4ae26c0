import { readFileSync } from "node:fs";
import { Hono } from "hono";
import { loopTurns } from "../flow/loop-turns.ts";
import { packageFolder } from "../package-folder.ts";
import type { Access } from "./access.ts";
import type { Dashboard } from "./dashboard.ts";
import type { LiveCalls } from "./live-calls.ts";
import { openApiOf } from "./openapi.ts";
import { errorResponse, RequestError, refusalOf } from "./request-error.ts";
import { type Route, readerOf, route } from "./route.ts";

/** What every request meets, whatever its route. */
export interface HttpAppOptions {
  readonly access: Access;
  readonly live: LiveCalls;
  readonly dashboard: Dashboard;
  readonly onFault: (error: unknown) => void;
}

const safeHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** The version of this package. */
export const packageVersion = (): string =>
  (JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8")) as { readonly version: string }).version;

/**
 * Every request goes through the same door: place, token, route, schema; and every response gets the same headers. The
 * dashboard's files need no token. `/openapi.json` describes the routes.
 */
export const appOf = (given: readonly Route[], { access, live, dashboard, onFault }: HttpAppOptions): Hono => {
  const described: Route = route({
    method: "get",
    path: "/openapi.json",
    summary: "Describes this interface.",
    reply: { description: "OpenAPI 3.1.", schema: { type: "object" } },
    handle: () => Response.json(openApiOf(routes, packageVersion())),
  });
  const routes = [...given, described];
  const app = new Hono();
  // A thousand requests of one moment begin one after another, with the work under way in between.
  const takeTurn = loopTurns();
  const refuse = (thrown: unknown): Response => {
    const refusal = refusalOf(thrown);
    if (refusal.status >= 500) onFault(refusal.cause ?? thrown);
    return secured(errorResponse(refusal));
  };
  app.use(async ({ req }, next) => {
    access.requirePlace(req.raw);
    const file = dashboard.responseTo(req.raw);
    if (file !== undefined) return file;
    const isOpen = routes.some(
      ({ open, method, path }) =>
        open && path === req.path && method.toUpperCase() === (req.method === "HEAD" ? "GET" : req.method),
    );
    if (!isOpen) access.requireToken(req.raw);
    await next();
    return undefined;
  });
  for (const one of routes) {
    const read = readerOf(one);
    app.on(one.method.toUpperCase(), one.path, async ({ req }) => {
      const { abortSignal, end } = live.begin(req.raw.signal);
      let isStreamed = false;
      try {
        await new Promise<void>(takeTurn);
        const path = req.param() as Readonly<Record<string, string>>;
        const asked = await read(req.raw);
        const response = await one.handle({ request: req.raw, path, ...asked, abortSignal, leave: end });
        isStreamed = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
        return secured(response);
      } finally {
        // A stream ends its call itself.
        if (!isStreamed) end();
      }
    });
  }
  app.notFound(({ req }) =>
    refuse(
      new RequestError(404, `There is no ${req.method} ${req.path}: /openapi.json lists what there is.`, {
        code: "no_route",
      }),
    ),
  );
  app.onError((error) => refuse(error));
  return app;
};

const secured = (response: Response): Response => {
  for (const [header, value] of Object.entries(safeHeaders)) response.headers.set(header, value);
  return response;
};
