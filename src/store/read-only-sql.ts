import { StoreError } from "../errors.ts";
import type { Sqlite } from "../sqlite.ts";

/** Functions that compute and do nothing else. Builds of SQLite bring others, some of which read and write files. */
const harmless = new Set(
  `abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling char coalesce concat concat_ws cos cosh count cume_dist
  date datetime degrees dense_rank exp first_value floor format glob group_concat hex highlight if ifnull iif instr julianday
  lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim match max median min mod nth_value ntile nullif
  octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians random rank regexp
  replace round row_number rtrim sign sin sinh snippet soundex sqlite_version sqrt strftime string_agg substr substring sum
  tan tanh time timediff total trim trunc typeof unhex unicode unixepoch unlikely upper zeroblob`.split(/\s+/u),
);

/** Tables that SQLite makes up as they are read, and that hold nothing but what they are given. */
const harmlessTables = /^(?:json_each|json_tree|generate_series)$/u;

/** A comment, a text or name in quotes, a word, or any other letter. */
const token =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\p{L}\p{N}_$]+|\S/gu;

const accepted =
  "Accepted is one SELECT (also WITH … SELECT, VALUES, EXPLAIN) over trajectories, turns, texts and text_search.";

/**
 * Throws `StoreError` unless SQL is one statement that reads. A file that is open for reading alone is not enough:
 * ATTACH opens others, and functions of some builds write where they like.
 */
export const checkReadOnly = (sql: string, database: Sqlite): void => {
  const refuse = (why: string): never => {
    throw new StoreError(`The query is refused: ${why}. ${accepted}`);
  };
  if (sql.includes("\0")) refuse("it has a zero byte");
  const tokens = Array.from(sql.matchAll(token), ([text]) => text).filter((text) => !/^(?:--|\/\*)/u.test(text));
  const end = tokens.indexOf(";");
  if (end >= 0 && tokens.slice(end).some((text) => text !== ";")) refuse("it is more than one statement");
  const words = tokens.map((text) => text.toLowerCase());
  const start = words.findIndex((word) => !["explain", "query", "plan"].includes(word));
  const first = words[start] ?? "";
  if (first === "" || first === ";") refuse("it is empty");
  if (!["select", "with", "values"].includes(first)) refuse(`it begins with ${JSON.stringify(tokens[start])}`);

  const namesFrom = (list: string): Set<string> =>
    new Set(Array.from(database.prepare(`SELECT DISTINCT lower(name) FROM ${list}`).rows(), ([name]) => String(name)));
  const [functions, tables] = [namesFrom("pragma_function_list"), namesFrom("pragma_module_list")];
  for (const [i, word] of words.entries()) {
    // SQLite takes any kind of quotes for a name.
    const name = /^['"`[]/u.test(word) ? word.slice(1, -1) : word;
    const isCalled = words[i + 1] === "(" && !word.startsWith("'");
    if (isCalled && functions.has(name) && !harmless.has(name) && !name.startsWith("json"))
      refuse(`it calls ${name}, which is not known to be harmless`);
    if (name.startsWith("pragma_") || (tables.has(name) && !harmlessTables.test(name)))
      refuse(`it reads ${name}, which is not a table of the index`);
  }
};
