import { defined } from "../options.ts";
import { UnknownTaskError, type VersionName, type Why } from "../review/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import type { Explain } from "./run-control.ts";
import { folderOf } from "./runs.ts";
import { nullable, number, objectOf, text } from "./schema.ts";

/** Explanations that wait for the one under way: each opens an engine of its own. */
const MOST_WAITING = 4;
/** About what one takes. */
const RETRY_SECONDS = 10;

const version = { type: "string", pattern: "^(?:start|end|[1-9][0-9]{0,6})$" } as const;

const versionOf = (name: string): VersionName => (name === "start" || name === "end" ? name : Number(name));

/** Waits for what never fails. Throws the signal's reason once it is aborted. */
const settledOrAborted = (before: Promise<unknown>, abortSignal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const left = (): void => reject(abortSignal.reason);
    if (abortSignal.aborted) left();
    abortSignal.addEventListener("abort", left, { once: true });
    void before.then(() => {
      abortSignal.removeEventListener("abort", left);
      resolve();
    });
  });

const refuseUnknown = (cause: unknown): never => {
  if (cause instanceof UnknownTaskError) throw new RequestError(404, cause.message, { code: "no_task", cause });
  throw cause;
};

/** Why a run's planner solves a task as it does: both planners, one explanation at a time. */
export const whyRoute = (root: string, explain: Explain | undefined): Route => {
  let last: Promise<unknown> = Promise.resolve();
  /** Under way, and waiting. */
  let present = 0;
  const inTurn = async (work: () => Promise<Why>, abortSignal: AbortSignal): Promise<Why> => {
    if (present > MOST_WAITING)
      throw new RequestError(429, `${MOST_WAITING} explanations wait already: ask again when they are done.`, {
        retryAfterSeconds: RETRY_SECONDS,
      });
    present += 1;
    const before = last;
    let end = (): void => undefined;
    last = new Promise<void>((resolve) => {
      end = resolve;
    });
    try {
      await settledOrAborted(before, abortSignal);
      return await work();
    } finally {
      present -= 1;
      // Whoever waits behind one that left still waits for those before it.
      void before.then(end);
    }
  };
  return route({
    method: "get",
    path: "/api/runs/:id/why/:task",
    summary:
      "Explains how a run's old and new planner solve a task; with `from` and `choose`, what another choice leads to.",
    query: {
      from: { type: "integer", minimum: 1, maximum: 1000 },
      choose: { type: "string", minLength: 1, maxLength: 1000 },
      before: version,
      after: version,
    },
    reply: {
      description: "Both solves turn by turn, with the likelihood of each choice, and the groups of training.",
      schema: objectOf(
        {
          schemaVersion: number,
          run: text,
          task: { type: "object" },
          before: { type: "object" },
          after: { type: "object" },
          partedAt: nullable("integer"),
          training: { type: "object" },
          counterfactual: { type: "object" },
        },
        ["counterfactual"],
      ),
    },
    handle: async ({ path, query, abortSignal }) => {
      const folder = await folderOf(root, path.id);
      const { from, choose, before = "start", after = "end" } = query;
      if ((from === undefined) !== (choose === undefined))
        throw new RequestError(400, "`from` and `choose` belong together: a turn, and what to choose there.", {
          param: from === undefined ? "from" : "choose",
        });
      if (explain === undefined)
        throw new RequestError(
          501,
          "This server explains no runs: it was started without an environment to learn in.",
          {
            code: "no_training",
          },
        );
      const counterfactual = from === undefined || choose === undefined ? undefined : { from: Number(from), choose };
      const versions = [versionOf(before), versionOf(after)] as const;
      const options = { ...defined({ counterfactual }), versions, abortSignal };
      return Response.json(
        await inTurn(() => explain(folder, path.task ?? "", options).catch(refuseUnknown), abortSignal),
      );
    },
  });
};
