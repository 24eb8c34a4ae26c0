import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { messageOf, TaskError } from "../errors.ts";
import { pacer } from "../pacer.ts";
import { isParquet, parquetRecords } from "./parquet.ts";
import { type Split, splitArray, splitLines, splitRows } from "./split-records.ts";

/** One task as a file tells it, in the fields of whoever wrote it. */
export type RecordOf = Readonly<Record<string, unknown>>;

/** Most bytes of a file. */
const FILE_BYTES = 2 ** 30;
/** Most records of a file, and fields of a row of CSV. */
const MOST_RECORDS = 500_000;
const MOST_FIELDS = 1000;
/** Bytes that are read at once; then other work runs. */
const PACE = 2 ** 18;
/** What a record costs beside its bytes, in bytes. */
const RECORD_COST = 100;
const RECORD_BYTES = 2 ** 20;
const RECORD: JsonLimits = { depth: 64, values: 100_000 };

/**
 * The records of a file: CSV and Parquet by the file's name (Parquet by its first bytes too), else a JSON array or JSON
 * lines. A file has at most 1 GiB and 500,000 records; a record 1 MiB, 64 levels and
 * 100,000 values. Throws `TaskError` naming file and place.
 */
export const readRecords = async (path: string): Promise<RecordOf[]> => {
  const bytes = await bytesOf(path);
  const values =
    ending(path) === ".parquet" || isParquet(bytes)
      ? await parquetRecords(bytes, path)
      : await textRecords(trimmed(bytes), path);
  return values.map((value, i) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as RecordOf;
    throw new TaskError(`${path}, record ${i} is ${JSON.stringify(value)?.slice(0, 40)}: a task is an object.`);
  });
};

const bytesOf = async (path: string): Promise<Buffer<ArrayBuffer>> => {
  try {
    const { size } = await stat(path);
    if (size <= FILE_BYTES) return await readFile(path);
    throw new TaskError(`${path} has ${size} bytes; accepted are ${FILE_BYTES}. Split it.`);
  } catch (cause) {
    if (cause instanceof TaskError) throw cause;
    throw new TaskError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
};

const ending = (path: string): string => extname(path).toLowerCase();

/** Without a byte order mark, and without white space around. */
const trimmed = (bytes: Buffer): Buffer => {
  const isSpace = (at: number): boolean => [32, 9, 10, 13].includes(bytes[at] ?? 0);
  let [start, end] = [bytes.subarray(0, 3).equals(Buffer.from("\uFEFF")) ? 3 : 0, bytes.length];
  while (start < end && isSpace(start)) start += 1;
  while (start < end && isSpace(end - 1)) end -= 1;
  return bytes.subarray(start, end);
};

const textRecords = async (bytes: Buffer, path: string): Promise<unknown[]> => {
  if (ending(path) === ".csv") return csvRecords(bytes, path);
  const isArray = bytes[0] === "[".charCodeAt(0);
  return collect(isArray ? splitArray : splitLines, bytes, path, (json, i) => {
    try {
      if (json.length > RECORD_BYTES)
        throw new TaskError(`${path}, record ${i} takes ${json.length} bytes: accepted are ${RECORD_BYTES}.`);
      const text = json.toString("utf8");
      // A blank line is not a record.
      return !isArray && text.trim() === "" ? undefined : parseJson(text, RECORD);
    } catch (cause) {
      if (cause instanceof TaskError) throw cause;
      throw new TaskError(
        `${path}, ${isArray ? "record" : "line"} ${isArray ? i : i + 1} is not JSON that can be read: ${messageOf(cause)}`,
        { cause },
      );
    }
  });
};

/** What is read of each record, one after the other; what reads as undefined is left out. */
const collect = async <Value>(
  split: Split,
  bytes: Buffer,
  path: string,
  read: (record: Buffer, index: number) => Value | undefined,
): Promise<Value[]> => {
  const pace = pacer(PACE);
  const values: Value[] = [];
  for (const record of split(bytes, path)) {
    if (values.length === MOST_RECORDS)
      throw new TaskError(`${path} has more than ${MOST_RECORDS} records, which is the most. Split it.`);
    const value = read(record, values.length);
    if (value !== undefined) values.push(value);
    await pace(record.length + RECORD_COST);
  }
  return values;
};

/** CSV by RFC 4180: quotes, doubled quotes, line breaks inside quotes. */
const csvRecords = async (bytes: Buffer, path: string): Promise<RecordOf[]> => {
  const rows = await collect(splitRows, bytes, path, (row, i) => {
    const fields = fieldsOf(row.toString("utf8"));
    if (fields.every((field) => field === "")) return undefined;
    if (fields.length <= MOST_FIELDS) return fields;
    throw new TaskError(`${path}, row ${i} has ${fields.length} fields; accepted are ${MOST_FIELDS}.`);
  });
  const [names = []] = rows;
  const pace = pacer(PACE);
  const records: RecordOf[] = [];
  for (const [i, row] of rows.slice(1).entries()) {
    if (row.length !== names.length)
      throw new TaskError(`${path}, record ${i} has ${row.length} fields; the first line names ${names.length}.`);
    records.push(Object.fromEntries(names.map((name, at) => [name.trim(), row[at]])));
    await pace(RECORD_COST * names.length);
  }
  return records;
};

const fieldsOf = (row: string): string[] => {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < row.length; i += 1) {
    const letter = row[i] ?? "";
    if (quoted && letter === '"' && row[i + 1] === '"') {
      field += '"';
      i += 1;
    } else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === ",") {
      fields.push(field);
      field = "";
    } else field += letter;
  }
  return [...fields, field];
};
