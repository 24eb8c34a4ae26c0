import { defined } from "../options.ts";
import type { VersionName, Why } from "../review/index.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import type { Explain } from "./run-control.ts";
import { folderOf } from "./runs.ts";
import { nullable, number, objectOf, text } from "./schema.ts";

/** Explanations that wait for the one under way: each opens an engine of its own. */
const MOST_WAITING = 16;

const version = { type: "string", pattern: "^(?:start|end|[1-9][0-9]{0,6})$" } as const;

const versionOf = (name: string): VersionName => (name === "start" || name === "end" ? name : Number(name));

/** Why a run's planner solves a task as it does: both planners, one explanation at a time. */
export const whyRoute = (root: string, explain: Explain | undefined): Route => {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const inTurn = async (work: () => Promise<Why>): Promise<Why> => {
    if (waiting >= MOST_WAITING)
      throw new RequestError(429, `${waiting} explanations wait already: ask again when they are done.`);
    waiting += 1;
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    try {
      return await mine;
    } finally {
      waiting -= 1;
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
      return Response.json(await inTurn(() => explain(folder, path.task ?? "", options)));
    },
  });
};
