import { stepOf } from "../trajectory.ts";

/**
 * How `trajectories.jsonl` lies in SQLite. Texts are kept once, by their hash, and rows name them by number; the views
 * `trajectories` and `turns` put them back in. A text that a query does not ask for costs it nothing.
 */

/** Indexes of another version are built again. */
export const INDEX_VERSION = 1;

/** Columns of what the flow did on one task: `texts` are kept by hash, the others as they are. */
const trajectoryColumns = {
  plain: [
    "phase",
    "step",
    "task_set",
    "task",
    "family",
    "trajectory",
    "status",
    "stop_reason",
    "reward",
    "turns",
    "errors",
    "tokens",
    "policy_version",
  ],
  texts: ["question", "expected", "answer", "failure", "usage"],
} as const;

/** Columns of one turn. `text` is what the tool said, `error` why there is nothing. */
const turnColumns = {
  plain: ["trajectory", "turn", "tool", "status", "reason", "decision", "trust", "tokens"],
  texts: ["sub_goal", "input", "text", "error", "fields", "verdict", "source"],
} as const;

interface Columns {
  readonly plain: readonly string[];
  readonly texts: readonly string[];
}

type Cell = string | number | null;

/** A row of each of the two tables, texts still as texts. */
export interface IndexRow<Table extends Columns> {
  readonly plain: Readonly<Record<Table["plain"][number], Cell>>;
  readonly texts: Readonly<Record<Table["texts"][number], string | null>>;
}

export interface TrajectoryRows {
  readonly trajectory: IndexRow<typeof trajectoryColumns>;
  /** Without the trajectory that they belong to, which is the line. */
  readonly turns: readonly IndexRow<typeof turnColumns>[];
}

const view = (name: string, { plain, texts }: Columns, first: readonly string[], more: readonly string[]): string => `
CREATE VIEW ${name} AS SELECT ${[...first, ...plain, ...texts.map((column) => `${column}_.text AS ${column}`), ...more].join(", ")}
FROM ${name}_stored ${texts.map((column) => `LEFT JOIN texts AS ${column}_ ON ${column}_.id = ${name}_stored.${column}_id`).join(" ")};`;

const table = (name: string, { plain, texts }: Columns): string =>
  `CREATE TABLE ${name}_stored (id INTEGER PRIMARY KEY, ${[...plain, ...texts.map((column) => `${column}_id INTEGER`)].join(", ")});`;

/** Which columns a text that was searched for is looked for in. */
const searched = [
  ["trajectories", "question"],
  ["trajectories", "answer"],
  ["turns", "text"],
  ["turns", "error"],
] as const;

/** Makes the tables, the views, and the full text of all texts. */
export const indexSchema = `
CREATE TABLE about (bytes INTEGER, sha256 TEXT);
CREATE TABLE texts (id INTEGER PRIMARY KEY, hash TEXT UNIQUE, text TEXT);
${table("trajectories", trajectoryColumns)}
${table("turns", turnColumns)}
${view("trajectories", trajectoryColumns, ["trajectories_stored.id AS id"], [])}
${view("turns", turnColumns, [], ["coalesce(text_.hash, error_.hash) AS text_hash"])}
CREATE VIRTUAL TABLE text_search USING fts5(text, content = 'texts', content_rowid = 'id', tokenize = 'porter unicode61');
CREATE INDEX turns_of_trajectory ON turns_stored (trajectory);
${searched.map(([name, column]) => `CREATE INDEX ${name}_by_${column} ON ${name}_stored (${column}_id) WHERE ${column}_id IS NOT NULL;`).join("\n")}
PRAGMA user_version = ${INDEX_VERSION};`;

const insertInto = (name: string, { plain, texts }: Columns): string => {
  const columns = [...plain, ...texts.map((column) => `${column}_id`)];
  return `INSERT INTO ${name}_stored (id, ${columns.join(", ")}) VALUES (?, ${columns.map(() => "?").join(", ")})`;
};

export const insertTrajectory = insertInto("trajectories", trajectoryColumns);
export const insertTurn = insertInto("turns", turnColumns);

/** The values of `insertTrajectory` or `insertTurn` after the id; `textId` keeps a text and says its number. */
export const valuesOf = (row: IndexRow<Columns>, textId: (text: string) => number): Cell[] => [
  ...Object.values(row.plain),
  ...Object.values(row.texts).map((text) => (text === null ? null : textId(text))),
];

/**
 * Texts with all the words, the best first: where one was said, how often, and the first trajectory that has it. In
 * place of a snippet stands the number of the text: SQLite's own `snippet` takes a quadratic time.
 */
export const searchTexts = `
WITH hits AS MATERIALIZED (
  SELECT rowid AS hit, rank AS best
  FROM text_search WHERE text_search MATCH ? ORDER BY rank LIMIT 1000
)
SELECT found, trajectory, turn, times, snippet FROM (
${searched
  .map(([name, column]) => {
    const [trajectory, turn] = name === "turns" ? ["min(trajectory)", "turn"] : ["min(id)", "NULL"];
    return `SELECT '${column}' AS found, ${trajectory} AS trajectory, ${turn} AS turn, count(*) AS times, hits.hit AS snippet, best
  FROM hits JOIN ${name}_stored ON ${column}_id = hits.hit GROUP BY hits.hit`;
  })
  .join("\nUNION ALL\n")}
) ORDER BY best, trajectory`;

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const numberOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** A text as SQLite can keep it: without zeros, which end a text there, and halves of letters, which are invalid. */
const cleanText = (text: string): string => text.replace(/\0|\p{Surrogate}/gu, "\ufffd");

/** Longest text that the index keeps, in characters: the whole of it stands in `trajectories.jsonl`. */
const TEXT_LENGTH = 50_000;

const bounded = (text: string): string =>
  text.length <= TEXT_LENGTH
    ? cleanText(text)
    : `${cleanText(text.slice(0, TEXT_LENGTH))} [cut: ${text.length - TEXT_LENGTH} more characters]`;

/** A text as it is, anything else as JSON; null for what is not there. */
const textOf = (value: unknown): string | null => {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return bounded(value);
  try {
    return bounded(JSON.stringify(value));
  } catch {
    // Only what is nested thousands deep, which JSON is read from but not written to.
    return "(nested too deeply to be shown)";
  }
};

const LONGEST_NAME = 1000;

/** A text that stands in its row and not among the texts, cut where it is not a name. */
const nameOf = (value: unknown): string | null => textOf(value)?.slice(0, LONGEST_NAME) ?? null;

/** The rows of one line of `trajectories.jsonl`, whatever it holds: an evaluated task, a rollout of training, a solve. */
export const rowsOf = (line: unknown): TrajectoryRows => {
  const trajectory = at(line, "trajectory");
  const query = at(trajectory, "query");
  const memory = listOf(at(trajectory, "memory"));
  const sampled = listOf(at(trajectory, "turns"));
  // Rollouts of training are kept as what the planner said.
  const turns =
    trajectory === undefined
      ? listOf(at(line, "actions")).map(actionOf)
      : memory.map((entry) => turnOf(entry, sampled));
  const either = (key: string): unknown => at(trajectory, key) ?? at(line, key);
  return {
    trajectory: {
      plain: {
        phase: nameOf(at(line, "phase")),
        step: numberOf(at(line, "step")),
        task_set: nameOf(at(line, "set")),
        task: nameOf(at(line, "task") ?? at(query, "id")),
        family: nameOf(at(line, "family")),
        trajectory: nameOf(at(trajectory, "id")),
        status: nameOf(either("status")),
        stop_reason: nameOf(either("stopReason")),
        reward: numberOf(at(line, "reward")),
        turns: turns.length,
        errors: trajectory === undefined ? null : turns.filter(({ plain: { status } }) => status !== "ok").length,
        tokens: trajectory === undefined ? null : tokensOf(sampled),
        policy_version: nameOf(at(sampled[0], "version")),
      },
      texts: {
        question: textOf(at(query, "question") ?? at(line, "question")),
        expected: textOf(at(line, "expected")),
        answer: textOf(either("answer")),
        failure: textOf(at(trajectory, "failure")),
        usage: textOf(at(line, "usage")),
      },
    },
    turns: turns.map((turn, i) => ({ ...turn, plain: { ...turn.plain, turn: turn.plain.turn ?? i + 1 } })),
  };
};

type TurnRow = IndexRow<typeof turnColumns>;

const turnOf = (entry: unknown, sampled: readonly unknown[]): TurnRow => {
  const [step, observation, verdict] = [at(entry, "step"), at(entry, "observation"), at(entry, "verdict")];
  const turn = numberOf(at(entry, "index"));
  return {
    plain: {
      trajectory: null,
      turn,
      tool: nameOf(at(step, "tool")),
      status: nameOf(at(observation, "status")),
      reason: nameOf(at(observation, "reason")),
      decision: nameOf(at(verdict, "decision")),
      trust: nameOf(at(observation, "trust")),
      tokens: tokensOf(sampled.filter((one) => at(one, "turn") === turn)),
    },
    texts: {
      sub_goal: textOf(at(step, "subGoal")),
      input: textOf(at(at(entry, "call"), "input")),
      text: textOf(at(observation, "text")),
      error: textOf(at(observation, "error")),
      fields: textOf(at(observation, "fields")),
      verdict: textOf(at(verdict, "reason")),
      source: textOf(at(observation, "source")),
    },
  };
};

/** A turn of which only the planner's words were kept: the tool is the first one. */
const actionOf = (action: unknown): TurnRow => {
  const said = textOf(action) ?? "";
  const { tool, subGoal } = stepOf(said);
  const none = { status: null, reason: null, decision: null, trust: null, tokens: null };
  return {
    plain: { trajectory: null, turn: null, tool: nameOf(tool), ...none },
    texts: { sub_goal: subGoal, input: null, text: null, error: null, fields: null, verdict: null, source: null },
  };
};

const tokensOf = (sampled: readonly unknown[]): number =>
  sampled.reduce<number>((sum, turn) => sum + listOf(at(turn, "ids")).length, 0);
