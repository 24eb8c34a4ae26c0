import { isUtf8 } from "node:buffer";
import { readFile, stat } from "node:fs/promises";
import { extname } from "node:path";
import { Readable } from "node:stream";
import { type JsonLimits, parseJson } from "../bounded-json.ts";
import { messageOf, TaskError } from "../errors.ts";
import { optionalPackage } from "../optional-package.ts";
import { pacer } from "../pacer.ts";
import { isParquet, parquetRecords } from "./parquet.ts";
import { type Split, splitArray, splitLines, tooLong } from "./split-records.ts";

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
 * lines, in UTF-8 or UTF-16. A field that is null is absent. A file has at most 1 GiB and 500,000 records; a record 1 MiB,
 * 64 levels and 100,000 values. Throws `TaskError` naming file and place.
 */
export const readRecords = async (path: string): Promise<Placed[]> => {
  const bytes = await bytesOf(path);
  const values: readonly Value[] =
    ending(path) === ".parquet" || isParquet(bytes)
      ? (await parquetRecords(bytes, path)).map((value) => ({ value }))
      : await textRecords(await asUtf8(bytes, path), path);
  return values.map(({ value, line }, i) => {
    const place = `record ${i}${line === undefined ? "" : ` (line ${line})`}`;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new TaskError(`${path}, ${place} is ${JSON.stringify(value)?.slice(0, 40)}: a task is an object.`);
    const fields = Object.entries(value).filter(([, field]) => field !== null);
    return { record: Object.fromEntries(fields), place };
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
        `${path}, line ${line} is not UTF-8; as Latin-1 (Windows-1252) it reads ${text}. Accepted are UTF-8 and UTF-16. Convert it: iconv -f WINDOWS-1252 -t UTF-8`,
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
      if (isArray) return { value: parseJson(text, RECORD) };
      // A blank line is not a record.
      return text.trim() === "" ? undefined : { value: parseJson(text, RECORD), line: i + 1 };
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
  records: ReturnType<Split>,
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

/** What stands between two fields, told by the first line: a comma, or where it has none a tab or a semicolon. */
const delimiterOf = (bytes: Buffer): string => {
  const [head = ""] = bytes
    .subarray(0, PACE)
    .toString("utf8")
    .trimStart()
    .split(/[\r\n]/);
  return [",", "\t", ";"].find((mark) => head.includes(mark)) ?? ",";
};

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += PACE) yield bytes.subarray(from, from + PACE);
}

/** CSV by RFC 4180: a quote opens a field only at its beginning; elsewhere it is a letter. */
const csvRecords = async (bytes: Buffer, path: string): Promise<Value[]> => {
  const { CsvError, parse } = await optionalPackage("csv-parse", () => import("csv-parse"));
  const parser = parse({
    delimiter: delimiterOf(bytes),
    info: true,
    max_record_size: RECORD_BYTES,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  const pace = pacer(PACE);
  const records: Value[] = [];
  let names: readonly string[] | undefined;
  try {
    for await (const row of Readable.from(piecesOf(bytes)).pipe(parser)) {
      const { record: fields, info } = row as { readonly record: readonly string[]; readonly info: { lines: number } };
      if (fields.length > MOST_FIELDS)
        throw new TaskError(`${path}, line ${info.lines} has ${fields.length} fields; accepted are ${MOST_FIELDS}.`);
      await pace(RECORD_COST * fields.length);
      if (fields.every((field) => field === "")) continue;
      if (names === undefined) names = fields.map((field) => field.trim());
      else if (fields.length !== names.length)
        throw new TaskError(
          `${path}, record ${records.length} (line ${info.lines}) has ${fields.length} fields; the first line names ${names.length}.`,
        );
      else records.push({ value: Object.fromEntries(names.map((name, at) => [name, fields[at]])), line: info.lines });
      if (records.length > MOST_RECORDS) throw tooMany(path);
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    if (cause.code === "CSV_MAX_RECORD_SIZE") throw tooLong(path, records.length);
    const problem =
      cause.code === "CSV_QUOTE_NOT_CLOSED"
        ? "ends inside a quoted field"
        : `is not CSV that can be read: ${cause.message}`;
    throw new TaskError(`${path} ${problem}, after record ${records.length - 1}. Close the quote, or double it: "".`, {
      cause,
    });
  }
  return records;
};
