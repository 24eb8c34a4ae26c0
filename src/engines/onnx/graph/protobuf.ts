/** Just enough protocol-buffer writing for an ONNX model: varints, strings, bytes, nested messages, 32-bit floats. */
export interface ProtoWriter {
  int(field: number, value: number | bigint): void;
  float(field: number, value: number): void;
  text(field: number, value: string): void;
  bytes(field: number, value: Uint8Array): void;
  message(field: number, write: (writer: ProtoWriter) => void): void;
}

const encoder = new TextEncoder();

/** Serialises what `write` emits. */
export const protobuf = (write: (writer: ProtoWriter) => void): Uint8Array => {
  const parts: Uint8Array[] = [];
  let length = 0;
  const push = (part: Uint8Array): void => {
    parts.push(part);
    length += part.length;
  };
  const varint = (value: number | bigint): void => {
    let rest = BigInt.asUintN(64, BigInt(value));
    const out: number[] = [];
    do {
      const low = Number(rest & 127n);
      rest >>= 7n;
      out.push(rest > 0n ? low | 128 : low);
    } while (rest > 0n);
    push(Uint8Array.from(out));
  };
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
    text: (field, value) => bytes(field, encoder.encode(value)),
    bytes,
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
