import { closeSync, openSync, readSync, statSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { messageOf, StoreError } from "../../../errors.ts";
import { ggufFormatName, ggufFormats } from "./gguf-quantisation.ts";
import type { TensorPlace } from "./tensor-files.ts";

/**
 * The header of a GGUF file: "GGUF", a version, then key-value metadata and the tensors' names, shapes, formats and
 * offsets. Every count is held against the bytes that are left in the file, and against what a model has, before memory
 * is taken for it.
 */
export interface GgufHeader {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Shapes as in PyTorch, the innermost side last. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
}

const maxNameBytes = 65_536;
const maxRank = 4;
const windowBytes = 1 << 20;
/** The longest texts are chat templates; a description may be long as well. */
const maxTextBytes = 16 << 20;
/** Entries of all lists together: an entry of one byte takes eight in memory, and a text thirty more than its own. */
const maxEntries = 2_500_000;
const maxListTextBytes = 256 << 20;
const maxValues = 10_000;
const maxTensors = 100_000;
/** Entries that are read before the event loop runs. */
const entriesPerTurn = 5_000;

/** Reads a file from front to back, a window at a time; refuses to go past its end. */
class Cursor {
  readonly #descriptor: number;
  readonly path: string;
  readonly #size: number;
  #window = Buffer.alloc(0);
  #windowStart = 0;
  position = 0;
  /** Entries of lists so far, and the bytes of their texts. */
  entries = 0;
  textBytes = 0;

  constructor(descriptor: number, path: string, size: number) {
    this.#descriptor = descriptor;
    this.path = path;
    this.#size = size;
  }

  get left(): number {
    return this.#size - this.position;
  }

  broken(what: string): StoreError {
    return new StoreError(`${this.path} is not a readable GGUF file: ${what}.`);
  }

  /** The next bytes; valid until the next call. */
  take(count: number): Buffer {
    if (count > this.left)
      throw this.broken(`byte ${this.position} claims ${count} more, but ${this.left} are left (cut short?)`);
    let from = this.position - this.#windowStart;
    if (from + count > this.#window.length) {
      const bytes = Buffer.allocUnsafe(Math.min(Math.max(count, windowBytes), this.left));
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(this.#descriptor, bytes, at, bytes.length - at, this.position + at);
        if (read === 0) throw this.broken("it was cut while it was read");
        at += read;
      }
      this.#window = bytes;
      this.#windowStart = this.position;
      from = 0;
    }
    this.position += count;
    return this.#window.subarray(from, from + count);
  }

  u32(): number {
    return this.take(4).readUInt32LE(0);
  }

  u64(): number | bigint {
    const value = this.take(8).readBigUInt64LE(0);
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  }

  /** A count of things that take at least `width` bytes each, which must fit into what is left. */
  count(what: string, width: number): number {
    const value = this.u64();
    if (typeof value === "bigint" || value * width > this.left)
      throw this.broken(`it claims ${value} ${what}, more than its ${this.left} bytes could hold (cut short?)`);
    return value;
  }

  text(limit = maxTextBytes): string {
    const length = this.count("bytes of text", 1);
    if (length > limit) throw this.broken(`a text of ${length} bytes is too long; accepted are ${limit}`);
    return this.take(length).toString("utf8");
  }
}

type Reader = (cursor: Cursor) => unknown;

/** Scalars by their type number, with their width. */
const scalars: ReadonlyMap<number, readonly [width: number, read: Reader]> = new Map<number, readonly [number, Reader]>(
  [
    [0, [1, (c) => c.take(1).readUInt8(0)]],
    [1, [1, (c) => c.take(1).readInt8(0)]],
    [2, [2, (c) => c.take(2).readUInt16LE(0)]],
    [3, [2, (c) => c.take(2).readInt16LE(0)]],
    [4, [4, (c) => c.u32()]],
    [5, [4, (c) => c.take(4).readInt32LE(0)]],
    [6, [4, (c) => c.take(4).readFloatLE(0)]],
    [7, [1, (c) => c.take(1).readUInt8(0) !== 0]],
    [8, [8, (c) => c.text()]],
    [10, [8, (c) => c.u64()]],
    [11, [8, (c) => Number(c.take(8).readBigInt64LE(0))]],
    [12, [8, (c) => c.take(8).readDoubleLE(0)]],
  ],
);

const listType = 9;

const readValue = async (cursor: Cursor, type: number, key: string): Promise<unknown> => {
  const scalar = scalars.get(type);
  if (scalar) return scalar[1](cursor);
  if (type !== listType) throw cursor.broken(`${key} has the unknown type ${type}`);
  const of = cursor.u32();
  const element = scalars.get(of);
  if (!element) throw cursor.broken(`${key} is a list of the type ${of}, which is not supported`);
  const count = cursor.count(`entries of ${key}`, element[0]);
  cursor.entries += count;
  if (cursor.entries > maxEntries)
    throw cursor.broken(`its lists have more than the ${maxEntries} entries accepted, up to ${key}`);
  const list: unknown[] = [];
  for (let i = 0; i < count; i += 1) {
    const entry = element[1](cursor);
    if (typeof entry === "string") cursor.textBytes += entry.length;
    if (cursor.textBytes > maxListTextBytes)
      throw cursor.broken(`its lists have more than the ${maxListTextBytes} bytes of text accepted, up to ${key}`);
    list.push(entry);
    if (i % entriesPerTurn === entriesPerTurn - 1) await turn();
  }
  return list;
};

interface Line {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly offset: number;
}

const readLine = (cursor: Cursor): Line => {
  const name = cursor.text(maxNameBytes);
  const rank = cursor.u32();
  if (rank < 1 || rank > maxRank) throw cursor.broken(`tensor ${name} has ${rank} sides; accepted are 1 to ${maxRank}`);
  const sides: number[] = [];
  for (let i = 0; i < rank; i += 1) {
    const side = cursor.u64();
    if (typeof side === "bigint" || side < 1) throw cursor.broken(`tensor ${name} has the impossible side ${side}`);
    sides.push(side);
  }
  const type = cursor.u32();
  const offset = cursor.u64();
  if (typeof offset === "bigint") throw cursor.broken(`tensor ${name} begins at the impossible byte ${offset}`);
  return { name, shape: sides.reverse(), type, offset };
};

/** Where the tensors lie, each inside the file and none over another. */
const placesOf = (cursor: Cursor, lines: readonly Line[], start: number, size: number): Map<string, TensorPlace> => {
  const places = new Map<string, TensorPlace>();
  for (const { name, shape, type, offset } of lines) {
    const format = ggufFormats.get(type);
    if (!format)
      throw new StoreError(
        `${cursor.path}: tensor ${name} is quantised as ${ggufFormatName(type)}, which is not supported; supported are ${[...ggufFormats.values()].map((known) => known.name).join(", ")}.`,
      );
    const row = shape[shape.length - 1] as number;
    const elements = shape.reduce((product, side) => product * side, 1);
    const bytes = (elements / format.blockLength) * format.blockBytes;
    if (
      row % format.blockLength !== 0 ||
      !Number.isSafeInteger(elements) ||
      !Number.isSafeInteger(start + offset + bytes)
    )
      throw cursor.broken(`tensor ${name} cannot have the shape [${shape.join(", ")}] in ${format.name}`);
    if (start + offset + bytes > size)
      throw cursor.broken(`tensor ${name} ends at byte ${start + offset + bytes} of ${size} (cut short?)`);
    if (places.has(name)) throw cursor.broken(`it holds tensor ${name} twice`);
    places.set(name, { shape, format, begin: start + offset, end: start + offset + bytes });
  }
  let claimed = start;
  for (const [name, { begin, end }] of [...places].sort(([, a], [, b]) => a.begin - b.begin)) {
    if (begin < claimed) throw cursor.broken(`tensor ${name} overlaps the one before it`);
    claimed = end;
  }
  return places;
};

const readAll = async (cursor: Cursor, size: number): Promise<GgufHeader> => {
  if (cursor.left < 24 || cursor.take(4).toString("latin1") !== "GGUF")
    throw cursor.broken("it does not begin with GGUF");
  const version = cursor.u32();
  if (version !== 2 && version !== 3)
    throw cursor.broken(`it has version ${version}; readable are 2 and 3, little-endian`);
  const tensorCount = cursor.count("tensors", 24);
  const valueCount = cursor.count("metadata entries", 13);
  if (tensorCount > maxTensors) throw cursor.broken(`it claims ${tensorCount} tensors; accepted are ${maxTensors}`);
  if (valueCount > maxValues)
    throw cursor.broken(`it claims ${valueCount} metadata entries; accepted are ${maxValues}`);
  const metadata: Record<string, unknown> = Object.create(null);
  for (let i = 0; i < valueCount; i += 1) {
    const key = cursor.text(maxNameBytes);
    metadata[key] = await readValue(cursor, cursor.u32(), key);
  }
  const lines: Line[] = [];
  for (let i = 0; i < tensorCount; i += 1) lines.push(readLine(cursor));
  const alignment = metadata["general.alignment"] ?? 32;
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment < 8 || alignment % 8 !== 0)
    throw cursor.broken(`general.alignment is ${alignment}; accepted are multiples of 8`);
  const start = Math.ceil(cursor.position / alignment) * alignment;
  return { metadata, tensors: placesOf(cursor, lines, start, size) };
};

/** Reads and checks the header of a GGUF file. Throws `StoreError`, also for a tensor in a format that is not supported. */
export const readGgufHeader = async (path: string): Promise<GgufHeader> => {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    const { size } = statSync(path);
    return await readAll(new Cursor(descriptor, path, size), size);
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
};
