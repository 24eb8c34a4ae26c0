import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { ParseStepResult } from "papaparse";
import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { messageOf, TaskError } from "../errors.ts";
import { exactJson } from "../number-text.ts";
import { optionalPackage } from "../optional-package.ts";
import { pacer } from "../pacer.ts";
import { isParquet, parquetRecords } from "./parquet.ts";
import { splitArray, splitLines, tooLong } from "./split-records.ts";

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

/** A record and where it stands, as errors name it: `record 3 (line 5)`. */
export interface Placed {
  readonly record: RecordOf;
  readonly place: string;
}

interface Value {
  readonly value: unknown;
  /** From 1, where the file has lines. */
  readonly line?: number;
}

/**
 * The records of a file: CSV and Parquet by the file's name (Parquet by its first bytes too), else a JSON array or JSON
 * lines, in UTF-8 or UTF-16. A field that is null is absent. A file has at most 1 GiB and 500,000 records; a record 1 MiB
 * (of CSV half), 64 levels and 100,000 values. Throws `TaskError` naming file and place.
 */
export const readRecords = async (path: string): Promise<Placed[]> => {
  const bytes = await bytesOf(path);
  const values: readonly Value[] =
    ending(path) === ".parquet" || isParquet(bytes)
      ? (await parquetRecords(bytes, path)).map((value) => ({ value }))
      : await textRecords(await asUtf8(bytes, path), path);
  const placed: Placed[] = [];
  const pace = pacer(PACE);
  for (const { value, line } of values) {
    const place = `record ${placed.length}${line === undefined ? "" : ` (line ${line})`}`;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new TaskError(`${path}, ${place} is ${JSON.stringify(value)?.slice(0, 40)}: a task is an object.`);
    placed.push({ record: value as RecordOf, place });
    await pace(RECORD_COST);
  }
  return placed;
};

/** A value without the fields that are null: they are absent. */
const present = (value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));

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

/** The encodings that a file may begin to be in: by its mark, or by the zero beside its first letter. */
const encodingOf = ([first, second]: Buffer): "utf-16le" | "utf-16be" | "utf-8" => {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  return (first === 0xfe && second === 0xff) || (first === 0 && second !== 0) ? "utf-16be" : "utf-8";
};

/** Without a byte order mark. What is neither UTF-8 nor UTF-16 is named, for read as either it would be garbled. */
const asUtf8 = async (bytes: Buffer, path: string): Promise<Buffer> => {
  const encoding = encodingOf(bytes);
  if (encoding !== "utf-8") {
    const [decoder, pace, parts] = [new TextDecoder(encoding), pacer(PACE), [] as Buffer[]];
    for (let from = 0; from < bytes.length; from += PACE) {
      const piece = bytes.subarray(from, from + PACE);
      parts.push(Buffer.from(decoder.decode(piece, { stream: true })));
      await pace(piece.length);
    }
    return Buffer.concat(parts);
  }
  if (isUtf8(bytes)) return bytes.subarray(0, 3).equals(Buffer.from("\uFEFF")) ? bytes.subarray(3) : bytes;
  let line = 1;
  for (const part of splitLines(bytes, path)) {
    if (!isUtf8(part)) {
      const text = JSON.stringify(part.toString("latin1").trim().slice(0, 60));
      throw new TaskError(
        `${path}, line ${line} is not UTF-8; as Latin-1 (Windows-1252) it reads ${text}. Accepted are UTF-8 and UTF-16. Convert it: iconv -f WINDOWS-1252 -t UTF-8 "${path}" > "utf8-${basename(path)}"`,
      );
    }
    line += 1;
  }
  throw new TaskError(`${path} is not UTF-8. Accepted are UTF-8 and UTF-16: convert it with iconv.`);
};

/** Without white space around. */
const trimmed = (bytes: Buffer): Buffer => {
  const isSpace = (at: number): boolean => [32, 9, 10, 13].includes(bytes[at] ?? 0);
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(start)) start += 1;
  while (start < end && isSpace(end - 1)) end -= 1;
  return bytes.subarray(start, end);
};

const textRecords = async (bytes: Buffer, path: string): Promise<Value[]> => {
  if ([".csv", ".tsv"].includes(ending(path))) return csvRecords(bytes, path);
  const whole = trimmed(bytes);
  const isArray = whole[0] === "[".charCodeAt(0);
  const read = (json: Buffer, i: number): Value | undefined => {
    try {
      if (json.length > RECORD_BYTES)
        throw new TaskError(`${path}, record ${i} takes ${json.length} bytes: accepted are ${RECORD_BYTES}.`);
      const text = json.toString("utf8");
      // A blank line is not a record.
      if (!isArray && text.trim() === "") return undefined;
      const parsed = parseJson(exactJson(text), RECORD);
      const value = text.includes("null") ? present(parsed) : parsed;
      return isArray ? { value } : { value, line: i + 1 };
    } catch (cause) {
      if (cause instanceof TaskError) throw cause;
      throw new TaskError(
        `${path}, ${isArray ? "record" : "line"} ${isArray ? i : i + 1} is not JSON that can be read: ${messageOf(cause)}`,
        { cause },
      );
    }
  };
  return collect(isArray ? splitArray(whole, path) : splitLines(bytes, path), path, read);
};

/** What is read of each record, one after the other; what reads as undefined is left out. */
const collect = async (
  records: Generator<Buffer>,
  path: string,
  read: (record: Buffer, index: number) => Value | undefined,
): Promise<Value[]> => {
  const pace = pacer(PACE);
  const values: Value[] = [];
  let index = 0;
  for (const record of records) {
    if (values.length === MOST_RECORDS) throw tooMany(path);
    const value = read(record, index);
    index += 1;
    if (value !== undefined) values.push(value);
    await pace(record.length + RECORD_COST);
  }
  return values;
};

const tooMany = (path: string): TaskError =>
  new TaskError(`${path} has more than ${MOST_RECORDS} records, which is the most. Split it.`);

/** Bytes of CSV that are read at once, and of one record: what is not whole yet is read again with the next piece. */
const CSV_PIECE = 2 ** 16;
const CSV_RECORD_BYTES = 2 ** 19;

/** What stands between two fields, by the first line: a comma, or where it has none a tab or a semicolon. */
const delimiterOf = (head: string): string =>
  [",", "\t", ";"].find((mark) => head.split(/[\r\n]/, 1)[0]?.includes(mark)) ?? ",";

interface CsvRow {
  readonly fields: readonly string[];
  readonly line: number;
  /** What is wrong with its quotes. */
  readonly fault: string | undefined;
}

/** CSV by RFC 4180: a quote opens a field only at its beginning; elsewhere it is a letter. */
const csvRecords = async (bytes: Buffer, path: string): Promise<Value[]> => {
  const { default: papaparse } = await optionalPackage("papaparse", () => import("papaparse"));
  const head = bytes.subarray(0, CSV_PIECE).toString("utf8");
  let rest = "";
  let line = 1;
  let rows: CsvRow[] = [];
  let end = 0;
  const parser = new papaparse.Parser({
    delimiter: delimiterOf(head),
    newline: head.includes("\n") ? "\n" : "\r",
    step: ({ data: [fields = []], errors, meta }: ParseStepResult<readonly (readonly string[])[]>) => {
      rows.push({ fields, line, fault: errors[0]?.code });
      for (let at = rest.indexOf("\n", end); at >= 0 && at < meta.cursor; at = rest.indexOf("\n", at + 1)) line += 1;
      end = meta.cursor;
    },
  });
  const decoder = new TextDecoder();
  const table = csvTable(path);
  const pace = pacer(PACE);
  for (let from = 0; from < bytes.length; from += CSV_PIECE) {
    rest += decoder.decode(bytes.subarray(from, from + CSV_PIECE), { stream: true });
    rows = [];
    end = 0;
    parser.parse(rest, 0, from + CSV_PIECE < bytes.length);
    rest = rest.slice(end);
    for (const row of rows) {
      table.add(row);
      await pace(RECORD_COST * row.fields.length);
    }
    if (rest.length > CSV_RECORD_BYTES) throw tooLong(path, table.records.length, CSV_RECORD_BYTES);
    await pace(CSV_PIECE);
  }
  return table.records;
};

/** Records from rows, of which the first one names the fields. */
const csvTable = (path: string) => {
  const records: Value[] = [];
  let names: readonly string[] | undefined;
  return {
    records,
    add: (row: {
      readonly fields: readonly string[];
      readonly line: number;
      readonly fault: string | undefined;
    }): void => {
      const { fields, line, fault } = row;
      const refuse = (problem: string): never => {
        throw new TaskError(`${path}, record ${records.length} (line ${line}) ${problem}.`);
      };
      if (fault === "MissingQuotes") refuse("ends inside a quoted field: close the quote");
      if (fault !== undefined) refuse('has a quote inside a quoted field: write it twice, ""');
      if (fields.length > MOST_FIELDS) refuse(`has ${fields.length} fields; accepted are ${MOST_FIELDS}`);
      const told = fields.map((field, i) => (i === fields.length - 1 ? field.replace(/\r$/, "") : field));
      if (told.every((field) => field === "")) return;
      if (names === undefined) names = told.map((field) => field.trim());
      else if (told.length !== names.length) refuse(`has ${told.length} fields; the first line names ${names.length}`);
      else records.push({ value: Object.fromEntries(names.map((name, at) => [name, told[at]])), line });
      if (records.length > MOST_RECORDS) throw tooMany(path);
    },
  };
};
