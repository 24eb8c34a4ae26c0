import { parseJson } from "../../../bounded-json.ts";
import { messageOf, StoreError } from "../../../errors.ts";
import { bfloat16, float16, float32, type NumberFormat } from "./number-formats.ts";
import { openTensorFile, sizeOf, type TensorFile, type TensorPlace } from "./tensor-files.ts";

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

/** A header beyond this is an attack or an accident: files of the largest models have one megabyte. */
const maxHeaderBytes = 4_000_000;
const maxTensors = 12_000;
const maxRank = 8;
/** Of the JSON: a tensor has about eight values, and `__metadata__` some. */
const headerLimits = { depth: 8, values: 120_000 };

/** Readable types. */
const formats: ReadonlyMap<string, NumberFormat> = new Map(
  [float32, float16, bfloat16].map((format) => [format.name, format]),
);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const byName = <Value>([a]: readonly [string, Value], [b]: readonly [string, Value]): number =>
  a < b ? -1 : a > b ? 1 : 0;

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

/** The length of the header, from the first 8 bytes of a file of `size` bytes. */
const headerLengthOf = (bytes: Uint8Array, size: number, name: string): number => {
  const broken = (what: string): StoreError => new StoreError(`${name} is not a safetensors file: ${what}.`);
  if (bytes.length < 8) throw broken(`it has ${bytes.length} bytes, fewer than the 8 that open one`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw broken(`its header claims ${length} bytes, more than the ${maxHeaderBytes} accepted`);
  if (8 + Number(length) > size)
    throw broken(`its header claims ${length} bytes, but only ${size - 8} follow (cut short?)`);
  return Number(length);
};

/** Checks one line of the header against the data, which begins at `dataStart` and has `dataLength` bytes. */
const readPlace = (
  tensor: string,
  value: unknown,
  { dataStart, dataLength, name }: { readonly dataStart: number; readonly dataLength: number; readonly name: string },
): TensorPlace => {
  const broken = (what: string): StoreError => new StoreError(`${name} is damaged: tensor ${tensor} ${what}.`);
  if (!isRecord(value)) throw broken("is described by no object");
  const { dtype, shape, data_offsets: offsets } = value;
  const format = typeof dtype === "string" ? formats.get(dtype) : undefined;
  if (format === undefined)
    throw new StoreError(
      `${name}: tensor ${tensor} has the type ${JSON.stringify(dtype)}; readable are ${[...formats.keys()].join(", ")}.`,
    );
  if (!Array.isArray(shape) || shape.length > maxRank || !shape.every(isCount))
    throw broken(`has the shape ${JSON.stringify(shape)}; accepted are up to ${maxRank} whole numbers`);
  const size = sizeOf(shape);
  if (size === undefined) throw broken(`has the impossible shape [${shape.join(", ")}]`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw broken(`has the offsets ${JSON.stringify(offsets)}; accepted are two whole numbers`);
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataLength)
    throw broken(`claims the bytes ${begin} to ${end} of ${dataLength} (cut short?)`);
  if (end - begin !== size * format.blockBytes)
    throw broken(
      `claims ${end - begin} bytes, but ${format.name} [${shape.join(", ")}] takes ${size * format.blockBytes}`,
    );
  return { shape, format, begin: dataStart + begin, end: dataStart + end };
};

/** Where the tensors of a file of `size` bytes lie. Throws `StoreError` where one overlaps another or leaves a gap. */
const readPlaces = (headerBytes: Uint8Array, size: number, name: string): ReadonlyMap<string, TensorPlace> => {
  let header: unknown;
  try {
    header = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(headerBytes), headerLimits);
  } catch (error) {
    throw new StoreError(`${name} is not a safetensors file: its header is not JSON in UTF-8 (${messageOf(error)}).`, {
      cause: error,
    });
  }
  if (!isRecord(header)) throw new StoreError(`${name} is not a safetensors file: its header is not a JSON object.`);
  const lines = Object.entries(header).filter(([tensor]) => tensor !== "__metadata__");
  if (lines.length > maxTensors)
    throw new StoreError(`${name} claims ${lines.length} tensors, more than the ${maxTensors} accepted.`);
  const dataStart = 8 + headerBytes.length;
  const places = lines.map(
    ([tensor, value]) => [tensor, readPlace(tensor, value, { dataStart, dataLength: size - dataStart, name })] as const,
  );
  let claimed = dataStart;
  for (const [tensor, { begin, end }] of [...places].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== claimed)
      throw new StoreError(
        `${name} is damaged: tensor ${tensor} begins at byte ${begin - dataStart}, where ${claimed - dataStart} was due (${begin < claimed ? "overlap" : "gap"}).`,
      );
    claimed = end;
  }
  if (claimed !== size)
    throw new StoreError(`${name} is damaged: ${size - claimed} bytes at its end belong to no tensor.`);
  return new Map(places);
};

/**
 * The tensors of a safetensors file, as float32. `name` is the file's, for messages. Throws `StoreError` for anything
 * that is not exactly right: a cut file, a header that lies, tensors that overlap or leave bytes unclaimed, a type
 * that is not readable.
 */
export const decodeSafetensors = (bytes: Uint8Array, name: string): Record<string, Tensor> => {
  const length = headerLengthOf(bytes, bytes.length, name);
  const tensors: [string, Tensor][] = [];
  for (const [tensor, { shape, format, begin, end }] of readPlaces(bytes.subarray(8, 8 + length), bytes.length, name)) {
    const data = new Float32Array(sizeOf(shape) ?? 0);
    format.decode(bytes.subarray(begin, end), data, 0);
    tensors.push([tensor, { shape, data }]);
  }
  return Object.fromEntries(tensors);
};

/** Opens a safetensors file whose tensors are read later, one by one: only its header is read now, and checked as above. */
export const openSafetensors = async (
  path: string,
): Promise<{ readonly file: TensorFile; readonly places: ReadonlyMap<string, TensorPlace> }> => {
  const file = await openTensorFile(path);
  try {
    const length = headerLengthOf(await file.bytes(0, Math.min(8, file.size)), file.size, path);
    return { file, places: readPlaces(await file.bytes(8, 8 + length), file.size, path) };
  } catch (error) {
    await file.close();
    throw error;
  }
};
