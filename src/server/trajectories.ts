import type { Tokenizer } from "../engine.ts";
import type { PlainSchema } from "../flow/input/plain-schema.ts";
import { defined } from "../options.ts";
import type { TrajectoryRows } from "../store/trajectory-rows.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";
import { folderOf } from "./runs.ts";
import { count, listOf, nullable, number, objectOf, text } from "./schema.ts";
import { storedTrajectory } from "./stored-trajectory.ts";
import { shownSamples } from "./token-texts.ts";
import { columnFilter, type LineFilter, type TrajectoryLines } from "./trajectory-lines.ts";

/** What a list shows of each. */
const columns = [
  ...["id", "phase", "step", "task_set", "task", "family", "trajectory", "status", "stop_reason", "reward", "turns"],
  ...["errors", "tokens", "policy_version", "question", "expected", "answer"],
] as const;

const listed = objectOf({
  ...Object.fromEntries(columns.map((column) => [column, {}])),
  id: { type: "string", description: "`<run>:<line>`, for /api/trajectories/:id." },
});

const filters: Readonly<Record<string, PlainSchema>> = {
  phase: { type: "string", maxLength: 40 },
  step: count,
  task: { type: "string", maxLength: 200 },
  family: { type: "string", maxLength: 200 },
  set: { type: "string", maxLength: 40 },
  status: { enum: ["solved", "partial", "failed"] },
};

const filterOf = ({ set, step, ...wanted }: Readonly<Record<string, string>>): LineFilter | undefined => {
  const all = { ...wanted, ...defined({ task_set: set, step: step === undefined ? undefined : Number(step) }) };
  return Object.keys(all).length === 0 ? undefined : columnFilter(all);
};

const listedOf = ({ trajectory: { plain, texts } }: TrajectoryRows): object => {
  const { question, expected, answer } = texts;
  return { ...plain, question, expected, answer };
};

export interface TrajectoryRoutesOptions {
  /** Folder of the runs. */
  readonly root: string;
  readonly lines: TrajectoryLines;
  /** Where the trajectory of one of the latest answers stands, as `<run>:<line>`. */
  readonly placeOf: (trajectory: string) => Promise<string | undefined>;
  /** What the tokens of a run may be read with. */
  readonly tokenizers: (folder: string) => Promise<readonly Tokenizer[]>;
}

/** Where a trajectory is, by its id here or by the one of an answer. Throws `RequestError` 404. */
const placesIn =
  (root: string, placeOf: TrajectoryRoutesOptions["placeOf"]) =>
  async (id = ""): Promise<{ readonly run: string; readonly folder: string; readonly line: number }> => {
    const place = (await placeOf(id)) ?? id;
    const [run = "", line] = place.split(":");
    if (line !== undefined && /^\d{1,12}$/.test(line))
      return { run, folder: await folderOf(root, run), line: Number(line) };
    throw new RequestError(
      404,
      `There is no trajectory ${JSON.stringify(id.slice(0, 100))}: accepted is <run>:<line>, as /api/trajectories lists them, or the trajectory of one of the latest answers.`,
      { code: "no_trajectory" },
    );
  };

/** What the flow did: lists by run, and one trajectory in full. */
export const trajectoryRoutes = ({ root, lines, placeOf, tokenizers }: TrajectoryRoutesOptions): readonly Route[] => {
  const placed = placesIn(root, placeOf);
  return [
    route({
      method: "get",
      path: "/api/trajectories",
      summary: "Lists the trajectories of a run, the newest first, from a cursor on.",
      query: {
        run: text,
        limit: { type: "integer", minimum: 1, maximum: 500 },
        before: { type: "integer", minimum: 1 },
        offset: { ...count, description: "Rows to leave out from the cursor on, for lists that are scrolled." },
        ...filters,
      },
      reply: {
        description: "A page, and the cursor of the next one.",
        schema: objectOf({ total: count, trajectories: listOf(listed), next: nullable("integer") }),
      },
      handle: async ({ query }) => {
        const { run, limit = "100", before, offset = "0", ...wanted } = query;
        if (run === undefined)
          throw new RequestError(400, "Name the run whose trajectories you want.", { param: "run" });
        const folder = await folderOf(root, run);
        const found = await lines.find(folder, filterOf(wanted));
        const older = before === undefined ? found : found.filter((line) => line < Number(before));
        const end = Math.max(0, older.length - Number(offset));
        const page = older.slice(Math.max(0, end - Number(limit)), end).reverse();
        const rows = await lines.read(folder, page);
        return Response.json({
          total: found.length,
          trajectories: rows.map((row, i) => ({ ...listedOf(row), id: `${run}:${page[i]}` })),
          next: end > page.length ? (page.at(-1) ?? null) : null,
        });
      },
    }),
    route({
      method: "get",
      path: "/api/trajectories/:id",
      summary: "Shows one trajectory in full, with what was sampled where that is still kept.",
      reply: { description: "The stored row, and tokens with log-probabilities a turn.", schema: { type: "object" } },
      handle: async ({ path }) => {
        const { run, folder, line } = await placed(path.id);
        return Response.json({ id: `${run}:${line}`, run, ...(await storedTrajectory(folder, line)) });
      },
    }),
    route({
      method: "get",
      path: "/api/trajectories/:id/tokens",
      summary: "Shows what was sampled in a trajectory, token by token, with the probability of each.",
      reply: {
        description: "Samples in the order of the turns; none where they are no longer kept.",
        schema: objectOf({
          samples: listOf(
            objectOf({
              turn: count,
              module: text,
              version: text,
              prompt: nullable("string"),
              tokens: listOf(objectOf({ id: count, text, logProb: number })),
              decoded: { type: "boolean" },
            }),
          ),
        }),
      },
      handle: async ({ path }) => {
        const { folder, line } = await placed(path.id);
        const stored = await storedTrajectory(folder, line);
        return Response.json({ samples: shownSamples(stored, await tokenizers(folder)) });
      },
    }),
  ];
};
