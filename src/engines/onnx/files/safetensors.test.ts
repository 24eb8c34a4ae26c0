import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StoreError } from "../../../errors.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "./safetensors.ts";

const tensor: fc.Arbitrary<Tensor> = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
  const size = shape.reduce((product, side) => product * side, 1);
  return fc.record({
    shape: fc.constant(shape),
    data: fc.float32Array({ minLength: size, maxLength: size, noNaN: true }),
  });
});
const tensors = fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), tensor, { maxKeys: 5 });

/** A file with a header of our choice. */
const file = (header: unknown, dataBytes: number): Uint8Array => {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
};

describe("safetensors", () => {
  it("gives back what it was given", () => {
    fc.assert(
      fc.property(tensors, fc.integer({ min: 0, max: 3 }), (given, shift) => {
        const encoded = encodeSafetensors(given, { format: "pt" });
        const moved = Buffer.alloc(encoded.length + shift).subarray(shift);
        moved.set(encoded);
        const decoded = decodeSafetensors(moved, "x.safetensors");
        expect(Object.keys(decoded).sort()).toEqual(Object.keys(given).sort());
        for (const [name, { shape, data }] of Object.entries(given)) {
          expect(decoded[name]?.shape).toEqual(shape);
          expect(decoded[name]?.data).toEqual(data);
        }
      }),
    );
  });

  it("reads damaged files to the end or throws StoreError, and nothing else", () => {
    fc.assert(
      fc.property(
        tensors,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        fc.option(fc.nat()),
        (given, changes, cut) => {
          const bytes = encodeSafetensors(given);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const damaged = cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1));
          try {
            decodeSafetensors(damaged, "x.safetensors");
          } catch (error) {
            expect(error).toBeInstanceOf(StoreError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("writes the same bytes whatever the order of the record", () => {
    const a = { shape: [2], data: Float32Array.of(1, 2) };
    const b = { shape: [], data: Float32Array.of(3) };
    expect(encodeSafetensors({ a, b }, { x: "1", y: "2" })).toEqual(encodeSafetensors({ b, a }, { y: "2", x: "1" }));
  });

  it("reads half and brain floats", () => {
    const bytes = file(
      {
        h: { dtype: "F16", shape: [4], data_offsets: [0, 8] },
        b: { dtype: "BF16", shape: [2], data_offsets: [8, 12] },
      },
      12,
    );
    const view = new DataView(bytes.buffer, bytes.length - 12);
    for (const [i, bits] of [0x3c00, 0xc500, 0x0001, 0x7c00, 0x3f80, 0xc0a0].entries())
      view.setUint16(2 * i, bits, true);
    const decoded = decodeSafetensors(bytes, "x");
    expect([...(decoded.h?.data ?? [])]).toEqual([1, -5, 2 ** -24, Number.POSITIVE_INFINITY]);
    expect([...(decoded.b?.data ?? [])]).toEqual([1, -5]);
  });

  it.each([
    ["an empty file", new Uint8Array(0), /0 bytes/],
    [
      "a header that claims too much",
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255),
      /claims 18446744073709551615/,
    ],
    ["a header that was cut", file({}, 0).subarray(0, 9), /cut short/],
    ["a header that is not JSON", file("{", 0), /not JSON/],
    ["a header that is a list", file([], 0), /not a JSON object/],
    ["an unknown type", file({ a: { dtype: "I64", shape: [1], data_offsets: [0, 8] } }, 8), /"I64"; readable are F32/],
    ["a negative side", file({ a: { dtype: "F32", shape: [-1], data_offsets: [0, 4] } }, 4), /shape \[-1\]/],
    [
      "an overflowing shape",
      file({ a: { dtype: "F32", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, 4),
      /impossible shape/,
    ],
    ["offsets outside", file({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8] } }, 4), /bytes 0 to 8 of 4/],
    ["a wrong size", file({ a: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }, 4), /claims 4 bytes, but/],
    [
      "an overlap",
      file(
        {
          a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
          b: { dtype: "F32", shape: [1], data_offsets: [2, 6] },
        },
        6,
      ),
      /overlap/,
    ],
    ["a gap", file({ a: { dtype: "F32", shape: [1], data_offsets: [4, 8] } }, 8), /gap/],
    ["bytes left over", file({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, 8), /4 bytes at its end/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "weights.safetensors")).toThrow(StoreError);
    expect(() => decodeSafetensors(bytes, "weights.safetensors")).toThrow(message);
    expect(() => decodeSafetensors(bytes, "weights.safetensors")).toThrow(/^weights.safetensors/);
  });

  it("does not write a tensor whose shape lies", () => {
    expect(() => encodeSafetensors({ a: { shape: [3], data: Float32Array.of(1) } })).toThrow(
      /do not fill the shape \[3\]/,
    );
  });
});
