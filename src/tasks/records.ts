import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { messageOf, TaskError } from "../errors.ts";
import { isParquet, parquetRecords } from "./parquet.ts";

/** One task as a file tells it, in the fields of whoever wrote it. */
export type RecordOf = Readonly<Record<string, unknown>>;

/**
 * The records of a file: CSV and Parquet by the file's name (Parquet by its first bytes too), else a JSON array or JSON
 * lines. Throws `TaskError` naming file and place.
 */
export const readRecords = async (path: string): Promise<RecordOf[]> => {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new TaskError(`Cannot read ${path}: ${cause.message}`, { cause });
  });
  const values =
    ending(path) === ".parquet" || isParquet(bytes)
      ? await parquetRecords(bytes, path)
      : textRecords(bytes.toString("utf8"), path);
  return values.map((value, i) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as RecordOf;
    throw new TaskError(`${path}, record ${i} is ${JSON.stringify(value)?.slice(0, 40)}: a task is an object.`);
  });
};

const ending = (path: string): string => extname(path).toLowerCase();

const textRecords = (text: string, path: string): unknown[] => {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  if (ending(path) === ".csv") return csvRecords(trimmed, path);
  const parse = (json: string, where: string): unknown => {
    try {
      return JSON.parse(json);
    } catch (cause) {
      throw new TaskError(`${path}${where} is no JSON: ${messageOf(cause)}`, { cause });
    }
  };
  return trimmed.startsWith("[")
    ? (parse(trimmed, "") as unknown[])
    : trimmed.split(/\r?\n/).map((line, i) => parse(line, `, line ${i + 1}`));
};

/** CSV by RFC 4180: quotes, doubled quotes, line breaks inside quotes. */
const csvRecords = (text: string, path: string): RecordOf[] => {
  const rows: string[][] = [[]];
  let field = "";
  let quoted = false;
  const endField = (): void => {
    rows.at(-1)?.push(field);
    field = "";
  };
  for (let i = 0; i < text.length; i += 1) {
    const letter = text[i] ?? "";
    if (quoted && letter === '"' && text[i + 1] === '"') {
      field += '"';
      i += 1;
    } else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === ",") endField();
    else if (!quoted && (letter === "\n" || letter === "\r")) {
      if (letter === "\r" && text[i + 1] === "\n") i += 1;
      endField();
      rows.push([]);
    } else field += letter;
  }
  if (quoted) throw new TaskError(`${path} ends inside a quoted field.`);
  endField();
  const [names = [], ...values] = rows.filter((row) => row.some((one) => one !== ""));
  return values.map((row, i) => {
    if (row.length !== names.length)
      throw new TaskError(`${path}, record ${i} has ${row.length} fields; the first line names ${names.length}.`);
    return Object.fromEntries(names.map((name, at) => [name.trim(), row[at]]));
  });
};
