/** Just enough protocol buffers for models and messages: varints, strings, bytes, nested messages, floats and doubles. */
export interface ProtoWriter {
  int(field: number, value: number | bigint): void;
  float(field: number, value: number): void;
  double(field: number, value: number): void;
  text(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  /** Repeated integers in one run, as proto3 writes them; nothing for none. */
  packed(field: number, values: readonly number[]): void;
  message(field: number, write: (writer: ProtoWriter) => void): void;
}

/** A field as it lies in a message. Of wire type 0 the value is a whole number of 64 bits, else its bytes. */
export type ProtoField =
  | { readonly field: number; readonly wire: 0; readonly value: bigint }
  | { readonly field: number; readonly wire: 1 | 2 | 5; readonly value: Uint8Array };

const encoder = new TextEncoder();

const varintBytes = (value: number | bigint): number[] => {
  const out: number[] = [];
  if (typeof value === "number" && value >= 0 && value < 2 ** 31) {
    let small = value;
    for (; small > 127; small >>>= 7) out.push((small & 127) | 128);
    out.push(small);
    return out;
  }
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return out;
};

/** Serialises what `write` emits. */
export const protobuf = (write: (writer: ProtoWriter) => void): Uint8Array => {
  const parts: Uint8Array[] = [];
  let length = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  const varint = (value: number | bigint): void => push(Uint8Array.from(varintBytes(value)));
  const tag = (field: number, wire: number): void => varint((field << 3) | wire);
  const bytes = (field: number, value: Uint8Array): void => {
    tag(field, 2);
    varint(value.length);
    push(value);
  };
  write({
    int: (field, value) => {
      tag(field, 0);
      varint(value);
    },
    float: (field, value) => {
      tag(field, 5);
      push(new Uint8Array(Float32Array.of(value).buffer));
    },
    double: (field, value) => {
      tag(field, 1);
      push(new Uint8Array(Float64Array.of(value).buffer));
    },
    text: (field, value) => bytes(field, encoder.encode(value)),
    bytes,
    packed: (field, values) => {
      if (values.length > 0) bytes(field, Uint8Array.from(values.flatMap(varintBytes)));
    },
    message: (field, inner) => bytes(field, protobuf(inner)),
  });
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};

/** The varint at a place, and where it ends. Throws `SyntaxError` for one that does not end or has more than 64 bits. */
const varintAt = (bytes: Uint8Array, start: number): { readonly value: bigint; readonly end: number } => {
  let value = 0n;
  for (let at = start; at < start + 10; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) throw new SyntaxError("it ends within a number");
    value |= BigInt(byte & 127) << BigInt(7 * (at - start));
    if (byte < 128) return { value: BigInt.asUintN(64, value), end: at + 1 };
  }
  throw new SyntaxError("a number has more than 64 bits");
};

/** The fields of a message, in their order; bytes are views. Throws `SyntaxError` for what is not a message. */
export const protoFields = function* (bytes: Uint8Array): Generator<ProtoField, void> {
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    at = tag.end;
    const field = Number(tag.value >> 3n);
    const wire = Number(tag.value & 7n);
    if (field < 1 || field >= 2 ** 29) throw new SyntaxError(`a field has the number ${field}`);
    if (wire === 0) {
      const { value, end } = varintAt(bytes, at);
      at = end;
      yield { field, wire, value };
    } else if (wire === 1 || wire === 2 || wire === 5) {
      let length = wire === 1 ? 8 : 4;
      if (wire === 2) {
        const size = varintAt(bytes, at);
        at = size.end;
        length = Number(size.value);
      }
      if (length > bytes.length - at) throw new SyntaxError(`field ${field} is longer than the message`);
      yield { field, wire, value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new SyntaxError(`field ${field} has the wire type ${wire}`);
  }
};

/** The integers of a repeated field, packed or one of them alone. Throws `SyntaxError` for another wire type. */
export const protoIntegers = ({ field, wire, value }: ProtoField): bigint[] => {
  if (wire === 0) return [value];
  if (wire !== 2) throw new SyntaxError(`field ${field} is not of integers`);
  const all: bigint[] = [];
  for (let at = 0; at < value.length; ) {
    const one = varintAt(value, at);
    all.push(one.value);
    at = one.end;
  }
  return all;
};
