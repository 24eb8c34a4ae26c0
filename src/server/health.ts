import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { messageOf } from "../errors.ts";
import { writeSynced } from "../store/durable.ts";
import type { Access } from "./access.ts";
import type { Admission } from "./admission.ts";
import type { HealthCheck } from "./health-check.ts";
import { type Route, route } from "./route.ts";
import { count, listOf, nullable, objectOf, text } from "./schema.ts";
import type { ServeRecord } from "./serve-record.ts";
import type { ServedModels } from "./served-models.ts";

/** How long one check may take. */
const CHECK_MS = 2000;

/** `GET /healthz`: 200 while all checks hold, else 503. Who brings the token reads what was found. */
export const healthRoute = (
  access: Access,
  models: ServedModels,
  admission: Admission,
  record: ServeRecord,
  more: readonly HealthCheck[],
): Route =>
  route({
    method: "get",
    path: "/healthz",
    summary: "Says whether answers can be given and kept.",
    open: true,
    reply: {
      description: "All checks hold; 503 where one does not.",
      schema: objectOf(
        {
          status: { enum: ["ok", "failing"] },
          checks: listOf(objectOf({ name: text, problem: nullable("string") })),
          models: listOf(objectOf({ id: text, policy: nullable("string") })),
          running: count,
          waiting: count,
        },
        ["checks", "models", "running", "waiting"],
      ),
    },
    handle: async ({ request }) => {
      const solves: HealthCheck = { name: "solves", check: () => record.failing };
      const checks = await Promise.all([diskCheck(record), solves, ...more].map(outcomeOf));
      const isWell = checks.every(({ problem }) => problem === null);
      const status = isWell ? "ok" : "failing";
      const { running, waiting } = admission;
      const found = {
        checks,
        models: models.list().map(({ id, policy }) => ({ id, policy })),
        running,
        waiting,
      };
      return Response.json(access.hasToken(request) ? { status, ...found } : { status }, {
        status: isWell ? 200 : 503,
      });
    },
  });

const outcomeOf = async ({
  name,
  check,
}: HealthCheck): Promise<{ readonly name: string; readonly problem: string | null }> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no result within ${CHECK_MS / 1000} seconds`), CHECK_MS);
  });
  try {
    return { name, problem: (await Promise.race([check(), late])) ?? null };
  } catch (error) {
    return { name, problem: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
};

/** Writes a small file where the answers are kept, and removes it. */
const diskCheck = (record: ServeRecord): HealthCheck => ({
  name: "disk",
  check: async () => {
    if (record.problem !== undefined) return record.problem;
    const probe = record.run.path(`.probe-${randomUUID()}`);
    try {
      await writeSynced(probe, "ok");
      return undefined;
    } finally {
      await rm(probe, { force: true });
    }
  },
});
