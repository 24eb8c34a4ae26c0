import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { StoreError } from "../errors.ts";
import { checked, count, name, required, ruleOf, seconds as secondsRule, text } from "../options.ts";
import { codeFolder } from "../package-folder.ts";
import type { SqlValue } from "../sqlite.ts";
import type { QueryResult } from "./trajectory-index.ts";

/** What a process of its own is asked to do with an index. */
export interface QueryRequest {
  /** Of the index. */
  readonly path: string;
  readonly sql?: string;
  /** Words to look for, instead of SQL. */
  readonly search?: string;
  /** Rows at most. */
  readonly limit: number;
}

const requestRule = ruleOf<QueryRequest>({
  path: required(name),
  sql: text,
  search: text,
  limit: required(count),
});

/** What SQLite itself may take, and how long all values of a result may be together. */
export const QUERY_MEMORY_BYTES = 256 * 2 ** 20;
export const LONGEST_RESULT = 64 * 2 ** 20;

/** How long the process may take to begin, on a machine that is busy. */
const START_SECONDS = 60;

/** A value as it goes from one process to the other. */
export type SentValue = string | number | null | { readonly hex: string } | { readonly number: string };

/** What the process answers, as one JSON object. */
export type QueryReply =
  | {
      readonly columns: readonly string[];
      readonly rows: readonly (readonly SentValue[])[];
      readonly truncated: boolean;
    }
  | { readonly error: string };

/**
 * Runs one query in a process of its own, which ends with it: SQL can compute for ever or ask for all memory, and neither
 * can be stopped from inside. Throws `StoreError` for SQL that is refused, takes too long, too much memory or gives too
 * much.
 *
 * @example
 * ```ts
 * import { queryWithin } from "agentflow/store";
 *
 * const path = "runs/2026-11-29-1412-7f3a/index.sqlite";
 * const sql = "SELECT question, answer FROM trajectories";
 * const { rows } = await queryWithin({ path, sql, limit: 10 }, { seconds: 10 });
 * ```
 */
export const queryWithin = async (
  request: QueryRequest,
  options: { readonly seconds: number },
): Promise<QueryResult> => {
  requestRule(request, "queryWithin: the request");
  const { seconds } = checked("queryWithin", options, { seconds: required(secondsRule) });
  const isSource = codeFolder.pathname.endsWith("/src/");
  const file = fileURLToPath(new URL(`store/query-process.${isSource ? "ts" : "js"}`, codeFolder));
  const loader = isSource ? ["--import", import.meta.resolve("tsx")] : [];
  const child = spawn(process.execPath, [...loader, file], {
    env: { NODE_NO_WARNINGS: "1" },
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  let late = false;
  const stopAfter = (allowed: number): NodeJS.Timeout =>
    setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, allowed * 1000);
  let timer = stopAfter(START_SECONDS + seconds);
  const parts: Buffer[] = [];
  let complaint = "";
  child.stdout.on("data", (part: Buffer) => {
    // The first of it says that the process is there.
    if (parts.length === 0) {
      clearTimeout(timer);
      timer = stopAfter(seconds);
    }
    parts.push(part);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-2000);
  });
  // One that dies before it reads reports that by its exit.
  child.stdin.on("error", () => undefined).end(JSON.stringify(request));
  try {
    const how = await new Promise<string>((resolve, reject) =>
      child.on("error", reject).on("close", (code, signal) => resolve(String(signal ?? code))),
    );
    if (late)
      throw new StoreError(
        `The query was stopped after ${seconds} s: give it more (--seconds), or ask for less. A recursive query needs a LIMIT.`,
      );
    if (how !== "0")
      throw new StoreError(
        `The query's process ended (${how}): it asked for more than there is. ${complaint.trim().split("\n").at(-1) ?? ""}`,
      );
    const reply = JSON.parse(Buffer.concat(parts).toString("utf8")) as QueryReply;
    if ("error" in reply) throw new StoreError(reply.error);
    return { ...reply, rows: reply.rows.map((row) => row.map(received)) };
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
};

const received = (value: SentValue): SqlValue => {
  if (typeof value !== "object" || value === null) return value;
  return "hex" in value ? new Uint8Array(Buffer.from(value.hex, "hex")) : Number(value.number);
};
