import { join } from "node:path";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { algorithmNames } from "../learn/algorithms.ts";
import { diagnosisOfRun } from "../learn/diagnosis.ts";
import type { AskedSettings } from "../learn/index.ts";
import { readJson } from "../learn/stored-options.ts";
import { defined } from "../options.ts";
import { readLines } from "../store/lines.ts";
import { exists, idShape } from "../store/run-folder.ts";
import { listRuns } from "../store/stored-run.ts";
import { eventResponse } from "./event-source.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import type { RunControl } from "./run-control.ts";
import { runFeed, runState } from "./run-feed.ts";
import { count, listOf, nullable, objectOf, text } from "./schema.ts";

/** The folder of a run. Throws `RequestError` 404 for an id that is none. */
export const folderOf = async (root: string, id: string | undefined): Promise<string> => {
  if (id === undefined || !idShape.test(id) || !(await exists(join(root, id, "config.json"))))
    throw new RequestError(
      404,
      `There is no run ${JSON.stringify(id?.slice(0, 100))}: /api/runs lists what there is.`,
      {
        code: "no_run",
      },
    );
  return join(root, id);
};

type Row = Readonly<Record<string, unknown>>;

const summaryOf = async (root: string, id: string): Promise<Row> => {
  const folder = join(root, id);
  const config = ((await readJson(join(folder, "config.json")))?.config ?? {}) as Row;
  const report = await readJson(join(folder, "report.json"));
  return {
    id,
    command: config.command ?? "learn",
    state: await runState(folder),
    ...defined({ model: config.model, seed: config.seed, steps: config.steps, stepsDone: report?.stepsDone }),
    gain: report?.gain ?? null,
  };
};

const state: PlainSchema = { enum: ["running", "finished", "interrupted"] };
const summary = objectOf(
  {
    id: text,
    command: text,
    state,
    model: text,
    seed: {},
    steps: count,
    stepsDone: count,
    gain: { type: ["object", "null"] },
  },
  ["model", "seed", "steps", "stepsDone"],
);
const limit: PlainSchema = { type: "integer", minimum: 1, maximum: 500 };
const began = objectOf({ id: text });

/** Settings of a run that a request may choose. What is learnt, in what, and where it is kept is the owner's. */
const settings: Readonly<Record<string, PlainSchema>> = {
  seed: { type: "integer" },
  steps: { type: "integer", minimum: 0, maximum: 100_000 },
  evalTasks: { type: "integer", minimum: 1, maximum: 10_000 },
  minutes: { type: "integer", minimum: 1, maximum: 100_000 },
  concurrency: { type: "integer", minimum: 1, maximum: 256 },
  checkpointEvery: { type: "integer", minimum: 1 },
  patience: { type: "integer", minimum: 1 },
  learningRate: { type: "number", exclusiveMinimum: 0, maximum: 1 },
  algorithm: { enum: [...algorithmNames] },
  validation: { type: "boolean" },
  replay: { type: "boolean" },
  guard: { type: "boolean" },
};

const diagnosisRoute = (root: string): Route =>
  route({
    method: "get",
    path: "/api/runs/:id/diagnosis",
    summary: "Names what keeps a run from learning, or kept it for a while, by its metrics.",
    reply: {
      description: "In the order in which it began; `until` is there of what is gone.",
      schema: objectOf({
        diagnosis: listOf(
          objectOf({ cause: text, since: count, until: count, seen: text, advice: text, families: listOf(text) }, [
            "until",
            "families",
          ]),
        ),
      }),
    },
    handle: async ({ path }) => {
      const metrics = await readLines(join(await folderOf(root, path.id), "metrics.jsonl"));
      return Response.json({ diagnosis: diagnosisOfRun({ metrics }) });
    },
  });

/** Runs of learning: stored and live ones, and the one of this server. */
export const runRoutes = (root: string, control: RunControl): readonly Route[] => [
  route({
    method: "get",
    path: "/api/runs",
    summary: "Lists runs, the newest first.",
    query: { limit, before: { type: "string", maxLength: 100 } },
    reply: { description: "A page of runs.", schema: objectOf({ runs: listOf(summary), next: nullable("string") }) },
    handle: async ({ query }) => {
      const most = Number(query.limit ?? 50);
      const { before } = query;
      const ids = (await listRuns(root)).reverse().filter((id) => before === undefined || id < before);
      const page = ids.slice(0, most);
      const runs = await Promise.all(page.map((id) => summaryOf(root, id)));
      return Response.json({ runs, next: ids.length > most ? (page.at(-1) ?? null) : null });
    },
  }),
  route<AskedSettings>({
    method: "post",
    path: "/api/runs",
    summary: "Starts a run of learning in the server's environment.",
    body: { type: "object", additionalProperties: false, properties: settings },
    reply: { description: "The run has begun.", schema: began },
    handle: async ({ body }) => Response.json({ id: await control.start(body) }),
  }),
  route({
    method: "get",
    path: "/api/runs/:id",
    summary: "Shows a run: its configuration, and its report where it has ended.",
    reply: {
      description: "The run.",
      schema: objectOf({ id: text, state, config: { type: "object" }, report: { type: ["object", "null"] } }),
    },
    handle: async ({ path }) => {
      const folder = await folderOf(root, path.id);
      const config = (await readJson(join(folder, "config.json")))?.config;
      const report = (await readJson(join(folder, "report.json"))) ?? null;
      return Response.json({ id: path.id, state: await runState(folder), config, report });
    },
  }),
  route({
    method: "get",
    path: "/api/runs/:id/metrics",
    summary: "Shows the steps of a run, for curves.",
    query: { after: count, limit: { type: "integer", minimum: 1, maximum: 10_000 } },
    reply: {
      description: "Steps by their number, which counts from 1.",
      schema: objectOf({
        steps: listOf(objectOf({ step: count, metrics: { type: "object" } })),
        next: nullable("integer"),
      }),
    },
    handle: async ({ path, query }) => {
      const [after, most] = [Number(query.after ?? 0), Number(query.limit ?? 10_000)];
      const rows = (await readLines(join(await folderOf(root, path.id), "metrics.jsonl"))) as Row[];
      const later = rows
        .map((metrics) => ({ step: Number(metrics.index) + 1, metrics }))
        .filter(({ step }) => step > after);
      const page = later.slice(0, most);
      return Response.json({ steps: page, next: later.length > most ? (page.at(-1)?.step ?? null) : null });
    },
  }),
  diagnosisRoute(root),
  route({
    method: "get",
    path: "/api/runs/:id/events",
    summary: "Streams the events of a run, live or stored; Last-Event-ID resumes.",
    query: { after: count },
    reply: { description: "Server-sent events, whose data is JSON with a type.", events: true },
    handle: async ({ request, path, query, abortSignal, leave }) => {
      const folder = await folderOf(root, path.id);
      const last = request.headers.get("last-event-id") ?? query.after ?? "0";
      if (!/^\d{1,15}$/.test(last))
        throw new RequestError(400, `Last-Event-ID is ${JSON.stringify(last.slice(0, 40))}: accepted is a number.`);
      const passing = control.passing(path.id ?? "");
      return eventResponse(runFeed(folder, { after: Number(last), passing, abortSignal }), leave);
    },
  }),
  route<{ readonly now?: boolean }>({
    method: "post",
    path: "/api/runs/:id/stop",
    summary: "Stops the server's run after the step under way, with evaluation and report; `now` aborts it.",
    body: { type: "object", additionalProperties: false, properties: { now: { type: "boolean" } } },
    reply: { description: "It is stopping.", schema: began },
    handle: async ({ path, body }) => {
      await folderOf(root, path.id);
      control.stop(path.id ?? "", body.now === true);
      return Response.json({ id: path.id });
    },
  }),
  route<object>({
    method: "post",
    path: "/api/runs/:id/resume",
    summary: "Resumes an interrupted run, to the bits that it would have come to.",
    body: { type: "object", additionalProperties: false, properties: {} },
    reply: { description: "The run continues.", schema: began },
    handle: async ({ path }) => Response.json({ id: await control.resume(await folderOf(root, path.id)) }),
  }),
];
