import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { llamaFixture } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { protobuf } from "../../../protobuf.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { decodingGraph, extensionGraph, trainingGraph } from "./graphs.ts";
import { onnxBuilder } from "./onnx-builder.ts";

const runtime = openTestRuntime({ threads: 1 });
afterAll(() => runtime.dispose());

/** A reader written from the format's description: fields as [number, wire type, value]. */
const read = (bytes: Uint8Array): [number, number, bigint | Uint8Array][] => {
  const out: [number, number, bigint | Uint8Array][] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] ?? expect.fail("cut short");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (count: number): Uint8Array => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    out.push([tag >>> 3, wire, wire === 0 ? varint() : take(wire === 5 ? 4 : Number(varint()))]);
  }
  return out;
};

describe("protobuf", () => {
  const field = fc.integer({ min: 1, max: 2 ** 28 - 1 });
  it("writes whole numbers as varints, negative ones as 64 bits", () => {
    fc.assert(
      fc.property(field, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number, value) => {
        expect(read(protobuf((w) => w.int(number, value)))).toEqual([[number, 0, BigInt.asUintN(64, value)]]);
      }),
    );
    expect([...protobuf((w) => w.int(1, 300))]).toEqual([8, 0xac, 2]);
    expect(protobuf((w) => w.int(1, -1))).toHaveLength(11);
  });

  it("writes texts, bytes, floats and nested messages", () => {
    fc.assert(
      fc.property(
        field,
        fc.string({ unit: "binary", maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.float({ noNaN: true }),
        (number, text, bytes, float) => {
          const written = protobuf((w) => {
            w.text(number, text);
            w.message(number, (inner) => inner.bytes(number, bytes));
            w.float(number, float);
          });
          const [first, second, third] = read(written);
          expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(first?.[2] as Uint8Array)).toBe(text);
          expect(read(second?.[2] as Uint8Array)).toEqual([[number, 2, bytes]]);
          expect(third?.[1]).toBe(5);
          const floatBytes = third?.[2] as Uint8Array;
          expect(new DataView(floatBytes.buffer, floatBytes.byteOffset).getFloat32(0, true)).toBe(float);
        },
      ),
    );
  });
});

describe("onnxBuilder", () => {
  it("emits a graph that runs, sharing equal nodes and constants, without what no output needs", async () => {
    const b = onnxBuilder("sum");
    const x = b.input("x", "float32", ["N"]);
    const two = b.constant("float32", [2]);
    expect(b.constant("float32", [2])).toBe(two);
    expect(b.constant("int64", [2])).not.toBe(two);
    const doubled = b.node("Mul", [x, two]);
    expect(b.node("Mul", [x, two])).toBe(doubled);
    const softmax = b.node("Softmax", [doubled], { axis: -1 });
    expect(b.node("Softmax", [doubled], { axis: 0 })).not.toBe(softmax);
    b.input("unused", "float32", ["N"]);
    b.output("y", b.node("Add", [doubled, x]), "float32", ["N"]);
    const model = b.finish();
    expect(model).toMatchObject({ inputs: ["x"], outputs: ["y"], nodes: 2 });
    const session = runtime.session(model.bytes, model);
    const memory = runtime.allocate("float32", 3);
    memory.data.set([1, 2, 3] as never);
    const y = runtime.tensor(runtime.allocate("float32", 3), [3]);
    await session.run({ x: runtime.tensor(memory, [3]) }, { y });
    expect([...floatsOf(y)]).toEqual([3, 6, 9]);
    await expect(session.run({}, { y })).rejects.toThrow('needs the tensor "x"');
    session.dispose();
    await expect(session.run({ x: y }, { y })).rejects.toThrow("closed");
  });

  it("refuses a second name for a value", () => {
    const b = onnxBuilder("names");
    const x = b.input("x", "float32", [1]);
    const y = b.node("Neg", [x]);
    b.output("y", y, "float32", [1]);
    expect(() => b.output("z", y, "float32", [1])).toThrow("name already");
    expect(() => b.output("z", x, "float32", [1])).toThrow("name already");
  });

  it("says what is wrong with a graph that the runtime refuses, or a tensor that does not fit", () => {
    const b = onnxBuilder("wrong");
    b.output("y", b.node("NoSuchOperator", [b.input("x", "float32", [1])]), "float32", [1]);
    const model = b.finish();
    expect(() => runtime.session(model.bytes, model)).toThrow("NoSuchOperator");
    expect(() => runtime.tensor(runtime.allocate("float32", 4), [2, 3])).toThrow("does not fit");
  });

  it.each([
    ["training", trainingGraph(llamaFixture.config, { gradients: true })],
    ["scoring", trainingGraph(llamaFixture.config, { gradients: false })],
    ["extension", extensionGraph(llamaFixture.config)],
    ["decoding", decodingGraph(llamaFixture.config)],
  ])("makes a %s graph that loads", (_, model) => {
    expect(model.nodes).toBeGreaterThan(20);
    expect(new Set(model.inputs).size).toBe(model.inputs.length);
    runtime.session(model.bytes, model).dispose();
  });
});
