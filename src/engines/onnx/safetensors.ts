import { StoreError } from "../../errors.ts";

/**
 * The safetensors format: eight bytes with the header's length (little-endian), a JSON header
 * `{ name: { dtype, shape, data_offsets: [begin, end] } }`, then the numbers. Nothing in it is ever executed, and
 * everything that a header claims is checked before a byte of data is touched.
 */

/** A dense array in row-major order: `data.length` is the product of `shape`. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A header beyond this is an attack or an accident (the reference reader has the same cap). */
const maxHeaderBytes = 100_000_000;
const maxTensors = 100_000;
const maxRank = 8;

/** Readable types; the narrower two become float32. */
const bytesPerNumber: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const byName = <Value>([a]: readonly [string, Value], [b]: readonly [string, Value]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** Number of elements; undefined when it is beyond what an index can hold. */
const sizeOf = (shape: readonly number[]): number | undefined => {
  const size = shape.reduce((product, side) => product * side, 1);
  return Number.isSafeInteger(size) ? size : undefined;
};

/**
 * A safetensors file of float32 tensors. Tensors are laid out by name, so the same content gives the same bytes
 * whatever the order of the record. Throws `StoreError` when a tensor's shape and data disagree.
 */
export const encodeSafetensors = (
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array => {
  const entries = Object.entries(tensors).sort(byName);
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0)
    header.push(["__metadata__", Object.fromEntries(Object.entries(metadata).sort(byName))]);
  let offset = 0;
  for (const [name, { shape, data }] of entries) {
    if (name === "__metadata__")
      throw new StoreError("A tensor cannot be called __metadata__: the format reserves it.");
    if (shape.length > maxRank || !shape.every(isCount) || sizeOf(shape) !== data.length)
      throw new StoreError(
        `Tensor ${name} has ${data.length} numbers, which do not fill the shape [${shape.join(", ")}].`,
      );
    header.push([name, { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] }]);
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + headerLength);
  let at = 8 + headerLength;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
};

/** A header as plain data, its numbers not checked yet. */
const readHeader = (bytes: Uint8Array, name: string): { header: Record<string, unknown>; dataStart: number } => {
  const broken = (what: string): StoreError => new StoreError(`${name} is not a safetensors file: ${what}.`);
  if (bytes.length < 8) throw broken(`it has ${bytes.length} bytes, fewer than the 8 that open one`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = view.getBigUint64(0, true);
  if (headerLength > BigInt(maxHeaderBytes))
    throw broken(`its header claims ${headerLength} bytes, more than the ${maxHeaderBytes} accepted`);
  const dataStart = 8 + Number(headerLength);
  if (dataStart > bytes.length)
    throw broken(`its header claims ${headerLength} bytes, but only ${bytes.length - 8} follow (cut short?)`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch (error) {
    throw new StoreError(`${name} is not a safetensors file: its header is no JSON in UTF-8.`, { cause: error });
  }
  if (!isRecord(header)) throw broken("its header is no JSON object");
  return { header, dataStart };
};

/** Checks one line of the header against the length of the data. */
const readEntry = (tensor: string, value: unknown, dataLength: number, name: string): Entry => {
  const broken = (what: string): StoreError => new StoreError(`${name} is damaged: tensor ${tensor} ${what}.`);
  if (!isRecord(value)) throw broken("is described by no object");
  const { dtype, shape, data_offsets: offsets } = value;
  const width = typeof dtype === "string" && Object.hasOwn(bytesPerNumber, dtype) ? bytesPerNumber[dtype] : undefined;
  if (typeof dtype !== "string" || width === undefined)
    throw broken(`has the type ${JSON.stringify(dtype)}; readable are ${Object.keys(bytesPerNumber).join(", ")}`);
  if (!Array.isArray(shape) || shape.length > maxRank || !shape.every(isCount))
    throw broken(`has the shape ${JSON.stringify(shape)}; accepted are up to ${maxRank} whole numbers`);
  const size = sizeOf(shape);
  if (size === undefined) throw broken(`has the impossible shape [${shape.join(", ")}]`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw broken(`has the offsets ${JSON.stringify(offsets)}; accepted are two whole numbers`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength)
    throw broken(`claims the bytes ${begin} to ${end} of ${dataLength} (cut short?)`);
  if (end - begin !== size * width)
    throw broken(`claims ${end - begin} bytes, but ${dtype} [${shape.join(", ")}] takes ${size * width}`);
  return { name: tensor, dtype, shape, begin, end };
};

/** Bits of an IEEE half to its value. */
const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

/** The numbers of an entry: a view into `bytes` where type and alignment allow it, else a copy. */
const readNumbers = (bytes: Uint8Array, dataStart: number, { dtype, begin, end }: Entry): Float32Array => {
  const start = bytes.byteOffset + dataStart + begin;
  if (dtype === "F32") {
    if (start % 4 === 0) return new Float32Array(bytes.buffer, start, (end - begin) / 4);
    // Not slice(): a Buffer's shares its memory.
    const copy = new Uint8Array(end - begin);
    copy.set(bytes.subarray(dataStart + begin, dataStart + end));
    return new Float32Array(copy.buffer);
  }
  const view = new DataView(bytes.buffer, start, end - begin);
  const out = new Float32Array((end - begin) / 2);
  if (dtype === "BF16") {
    const words = new Uint32Array(out.buffer);
    for (let i = 0; i < words.length; i += 1) words[i] = view.getUint16(2 * i, true) << 16;
  } else {
    for (let i = 0; i < out.length; i += 1) out[i] = halfToNumber(view.getUint16(2 * i, true));
  }
  return out;
};

/**
 * The tensors of a safetensors file, as float32. `name` is the file's, for messages. Tensors may be views into
 * `bytes`. Throws `StoreError` for anything that is not exactly right: a cut file, a header that lies, tensors that
 * overlap or leave bytes unclaimed, a type that is not readable.
 */
export const decodeSafetensors = (bytes: Uint8Array, name: string): Record<string, Tensor> => {
  const { header, dataStart } = readHeader(bytes, name);
  const dataLength = bytes.length - dataStart;
  const lines = Object.entries(header).filter(([tensor]) => tensor !== "__metadata__");
  if (lines.length > maxTensors)
    throw new StoreError(`${name} claims ${lines.length} tensors, more than the ${maxTensors} accepted.`);
  const entries = lines.map(([tensor, value]) => readEntry(tensor, value, dataLength, name));
  let claimed = 0;
  for (const { name: tensor, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== claimed)
      throw new StoreError(
        `${name} is damaged: tensor ${tensor} begins at byte ${begin}, where ${claimed} was due (${begin < claimed ? "overlap" : "gap"}).`,
      );
    claimed = end;
  }
  if (claimed !== dataLength)
    throw new StoreError(`${name} is damaged: ${dataLength - claimed} bytes at its end belong to no tensor.`);
  return Object.fromEntries(
    entries.map((entry) => [entry.name, { shape: entry.shape, data: readNumbers(bytes, dataStart, entry) }]),
  );
};
