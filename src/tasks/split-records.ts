import { TaskError } from "../errors.ts";

/** Most bytes of one record. */
const RECORD_BYTES = 2 ** 20;

const [LINE_BREAK, QUOTE, COMMA, BACKSLASH] = [10, 34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** Cuts the bytes of a file into records, one at a time. Throws `TaskError` for one of more than 1 MiB. */
export type Split = (bytes: Buffer, path: string) => Generator<Buffer>;

export const tooLong = (path: string, index: number, most = RECORD_BYTES): TaskError =>
  new TaskError(
    `${path}, record ${index} takes more than ${most} bytes. Accepted is less: leave out the fields that are not part of the task.`,
  );

/** A record a line. */
export const splitLines: Split = function* (bytes, path) {
  for (let [from, index] = [0, 0]; from < bytes.length; index += 1) {
    const ahead = bytes.subarray(from, from + RECORD_BYTES + 1);
    const found = ahead.indexOf(LINE_BREAK);
    if (found < 0 && ahead.length > RECORD_BYTES) throw tooLong(path, index);
    const end = found < 0 ? ahead.length : found;
    yield ahead.subarray(0, end);
    from += end + 1;
  }
};

/** The elements of a JSON array, whose first byte is its bracket. What stands between two commas may be anything. */
export const splitArray: Split = function* (bytes, path) {
  let [from, index, depth, quoted] = [1, 0, 0, false];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (at - from > RECORD_BYTES) throw tooLong(path, index);
    if (quoted) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) quoted = false;
    } else if (byte === QUOTE) quoted = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      depth += 1;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      depth -= 1;
      if (depth > 0) continue;
      if (at < bytes.length - 1 || byte === CLOSE_OBJECT)
        throw new TaskError(`${path} is not JSON: its array ends at byte ${at}, and there is more.`);
      const last = bytes.subarray(from, at);
      if (index > 0 || last.some((one) => one > 32)) yield last;
      return;
    } else if (byte === COMMA && depth === 1) {
      yield bytes.subarray(from, at);
      from = at + 1;
      index += 1;
    }
  }
  throw new TaskError(`${path} is not JSON: its array does not end.`);
};
