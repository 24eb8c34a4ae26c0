import type { ProtoField, ProtoWriter } from "../../../protobuf.ts";
import { protoFields, protoIntegers } from "../../../protobuf.ts";

/** Types of numbers by their place on the wire; BFLOAT16 is read and never written. */
const DTYPES = ["unspecified", "float32", "int64", "int32", "bfloat16"] as const;
const WIDTH = { float32: 4, int64: 8, int32: 4, bfloat16: 2 } as const;

export type DType = keyof typeof WIDTH;

/** A dense tensor as it travels: little-endian numbers. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export const bytesOf = (values: Float32Array | Int32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

export const floatTensor = (values: ArrayLike<number>): Tensor => ({
  dtype: "float32",
  shape: [values.length],
  data: bytesOf(Float32Array.from(values)),
});

/** Token ids, as the protocol's own client sends them. */
export const idTensor = (ids: readonly number[]): Tensor => ({
  dtype: "int64",
  shape: [ids.length],
  data: bytesOf(BigInt64Array.from(ids, BigInt)),
});

/** The numbers in bytes. Throws `SyntaxError` when they do not come out even, or do not fit a double. */
export const numbersIn = (data: Uint8Array, dtype: DType): number[] => {
  const width = WIDTH[dtype];
  if (data.length % width !== 0) throw new SyntaxError(`${data.length} bytes are not whole numbers of ${width} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.length / width }, (_, i) => {
    if (dtype === "float32") return view.getFloat32(4 * i, true);
    if (dtype === "int32") return view.getInt32(4 * i, true);
    if (dtype === "int64") return safe(view.getBigInt64(8 * i, true));
    const widened = new DataView(new ArrayBuffer(4));
    widened.setUint16(2, view.getUint16(2 * i, true), true);
    return widened.getFloat32(0, true);
  });
};

/** A whole number of the wire as ours. Throws `SyntaxError` beyond 53 bits. */
const safe = (value: bigint): number => {
  const number = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(number)) throw new SyntaxError(`a number has more than 53 bits`);
  return number;
};

/** The numbers of a tensor, which must be as many as its shape says. */
export const numbersOf = ({ data, dtype, shape }: Tensor): number[] => {
  const numbers = numbersIn(data, dtype);
  const size = shape.reduce((product, length) => product * length, 1);
  if (numbers.length !== size) throw new SyntaxError(`${numbers.length} numbers do not have the shape [${shape}]`);
  return numbers;
};

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The bytes of a field. Throws `SyntaxError` for one that is a number. */
export const bytesIn = ({ field, wire, value }: ProtoField): Uint8Array => {
  if (wire !== 2) throw new SyntaxError(`field ${field} is not of bytes`);
  return value;
};

/** The text of a field. Throws `SyntaxError` for what is not UTF-8. */
export const textIn = (field: ProtoField): string => {
  try {
    return decoder.decode(bytesIn(field));
  } catch {
    throw new SyntaxError(`field ${field.field} is not a text`);
  }
};

export const integerIn = (field: ProtoField): number => {
  if (field.wire !== 0) throw new SyntaxError(`field ${field.field} is not a whole number`);
  return safe(field.value);
};

export const doubleIn = ({ field, wire, value }: ProtoField): number => {
  if (wire !== 1) throw new SyntaxError(`field ${field} is not a double`);
  return new DataView(value.buffer, value.byteOffset, 8).getFloat64(0, true);
};

export const dtypeIn = (field: ProtoField): DType => {
  const dtype = DTYPES[integerIn(field)];
  if (dtype === undefined || dtype === "unspecified") throw new SyntaxError("a tensor has a type that is unknown");
  return dtype;
};

export const dtypeNumber = (dtype: DType): number => DTYPES.indexOf(dtype);

/** An entry of a map from texts. Throws `SyntaxError` when its value is missing. */
export const entryIn = <Value>(bytes: Uint8Array, read: (field: ProtoField) => Value): readonly [string, Value] => {
  let key = "";
  let value: { readonly read: Value } | undefined;
  for (const part of protoFields(bytes)) {
    if (part.field === 1) key = textIn(part);
    if (part.field === 2) value = { read: read(part) };
  }
  if (value === undefined) throw new SyntaxError(`an entry ${JSON.stringify(key.slice(0, 40))} has no value`);
  return [key, value.read];
};

export const readTensor = (bytes: Uint8Array): Tensor => {
  let data = new Uint8Array();
  let dtype: DType | undefined;
  const shape: number[] = [];
  for (const part of protoFields(bytes)) {
    if (part.field === 1) data = new Uint8Array(bytesIn(part));
    if (part.field === 2) throw new SyntaxError("a tensor is sparse: accepted are dense ones");
    if (part.field === 3) dtype = dtypeIn(part);
    if (part.field === 4) for (const length of protoIntegers(part)) shape.push(safe(length));
  }
  if (dtype === undefined) throw new SyntaxError("a tensor has no type");
  return { dtype, shape, data };
};

export const writeTensor =
  ({ dtype, shape, data }: Tensor) =>
  (writer: ProtoWriter): void => {
    writer.bytes(1, data);
    writer.int(3, dtypeNumber(dtype));
    writer.packed(4, shape);
  };
