import { afterAll, describe, expect, it } from "vitest";
import { noise, relativeError } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { type DType, elementsOf, floatsOf, type Tensor } from "../carriers/runtime.ts";
import { onnxBuilder } from "./onnx-builder.ts";
import { rules } from "./rules.ts";
import { tape } from "./tape.ts";

const runtime = openTestRuntime({ threads: 1 });
afterAll(() => runtime.dispose());

/** One input of an example: floats have a gradient unless they are `fixed`. */
interface Given {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  readonly fixed?: boolean;
}
const floats = (seed: number, ...shape: number[]): Given => ({
  dtype: "float32",
  shape,
  values: noise(seed, elementsOf(shape)),
});
const integers = (shape: readonly number[], values: readonly number[]): Given => ({ dtype: "int64", shape, values });
const fixed = (shape: readonly number[], values: ArrayLike<number>): Given => ({
  dtype: "float32",
  shape,
  values,
  fixed: true,
});

/** The last `queries` of `keys` positions. */
const causal = (queries: number, keys: number): Given =>
  fixed(
    [queries, keys],
    Float32Array.from({ length: queries * keys }, (_, i) =>
      (i % keys) - Math.floor(i / keys) > keys - queries ? -1e9 : 0,
    ),
  );
const angles = Array.from({ length: 8 * 4 }, (_, i) => Math.floor(i / 4) / 3 ** (i % 4));

interface Example {
  readonly inputs: Readonly<Record<string, Given>>;
  readonly attributes?: object;
  readonly y: readonly number[];
}
const examples: Readonly<Record<string, Example>> = {
  embed: { inputs: { table: floats(1, 5, 3), ids: integers([4], [2, 0, 2, 4]) }, y: [4, 3] },
  linear: { inputs: { x: floats(2, 4, 6), weight: floats(3, 5, 6) }, y: [4, 5] },
  affine: { inputs: { x: floats(2, 4, 6), weight: floats(3, 5, 6), bias: floats(17, 5) }, y: [4, 5] },
  scale: { inputs: { x: floats(2, 4, 6) }, attributes: { factor: 1.5 }, y: [4, 6] },
  headNorm: {
    inputs: { x: floats(4, 3, 16), weight: floats(5, 8) },
    attributes: { epsilon: 1e-5, width: 16, headSize: 8 },
    y: [3, 16],
  },
  rmsNorm: { inputs: { x: floats(4, 3, 8), weight: floats(5, 8) }, attributes: { epsilon: 1e-5 }, y: [3, 8] },
  rope: {
    inputs: {
      x: floats(6, 2 * 3, 16),
      positions: integers([2, 3], [0, 1, 2, 5, 6, 7]),
      cos: fixed([8, 4], angles.map(Math.cos)),
      sin: fixed([8, 4], angles.map(Math.sin)),
      minusSin: fixed(
        [8, 4],
        angles.map((angle) => -Math.sin(angle)),
      ),
      shape: integers([2], [2, 3]),
    },
    attributes: { width: 16 },
    y: [6, 16],
  },
  attention: {
    inputs: {
      q: floats(7, 2 * 3, 4 * 8),
      k: floats(8, 2 * 5, 2 * 8),
      v: floats(9, 2 * 5, 2 * 8),
      mask: causal(3, 5),
      shape: integers([2], [2, 3]),
      keyShape: integers([2], [2, 5]),
    },
    attributes: { heads: 4, keyHeads: 2, headSize: 8, scale: 0.4 },
    y: [6, 32],
  },
  blockAttention: {
    inputs: {
      q: floats(7, 7, 4 * 8),
      k: floats(8, 7, 2 * 8),
      v: floats(9, 7, 2 * 8),
      bounds: integers([5], [0, 2, 3, 5, 7]),
      "mask.0": causal(2, 2),
      "mask.1": causal(1, 3),
      "mask.2": causal(2, 5),
      "mask.3": causal(2, 7),
    },
    attributes: { heads: 4, keyHeads: 2, headSize: 8, scale: 0.4 },
    y: [7, 32],
  },
  lora: {
    inputs: { base: floats(18, 4, 5), x: floats(19, 4, 6), a: floats(20, 3, 6), b: floats(21, 5, 3) },
    attributes: { factor: 1.5 },
    y: [4, 5],
  },
  swiglu: { inputs: { gate: floats(10, 4, 5), up: floats(11, 4, 5) }, y: [4, 5] },
  geglu: { inputs: { gate: floats(10, 4, 5), up: floats(11, 4, 5) }, y: [4, 5] },
  add: { inputs: { a: floats(12, 4, 5), b: floats(13, 4, 5) }, y: [4, 5] },
  gatherRows: { inputs: { x: floats(14, 5, 3), rows: integers([3], [4, 0, 2]) }, y: [3, 3] },
  repeatRows: { inputs: { x: floats(14, 3, 5), which: integers([5], [2, 0, 2, 2, 1]) }, y: [5, 5] },
  logProb: { inputs: { x: floats(15, 4, 6), table: floats(16, 7, 6), targets: integers([4], [6, 2, 2, 0]) }, y: [4] },
};

const load = ({ dtype, shape, values }: Given): Tensor => {
  const memory = runtime.allocate(dtype, values.length);
  for (let i = 0; i < values.length; i += 1) {
    if (memory.data instanceof BigInt64Array) memory.data[i] = BigInt(values[i] as number);
    else memory.data[i] = values[i] as number;
  }
  return runtime.tensor(memory, shape);
};
const zeros = (shape: readonly number[]): Tensor =>
  runtime.tensor(runtime.allocate("float32", elementsOf(shape)), shape);

/** Graphs of one operator: forward to `y`, and the gradient of Σ weight·y with and without something to add to. */
const checkGradient = async (operator: string): Promise<void> => {
  const { inputs, attributes, y } = examples[operator] ?? expect.fail(`no example for ${operator}`);
  const wanted = Object.entries(inputs).filter(([, given]) => given.dtype === "float32" && given.fixed !== true);
  expect(wanted.length).toBeGreaterThan(0);
  const build = (backward: boolean, accumulate: boolean) => {
    const b = onnxBuilder(operator);
    for (const [name, { dtype, shape }] of Object.entries(inputs)) b.input(name, dtype, shape);
    const t = tape(b);
    const apply = t.apply as (operator: string, input: object, attributes?: object) => Readonly<Record<"y", string>>;
    const out = apply(operator, Object.fromEntries(Object.keys(inputs).map((name) => [name, name])), attributes);
    b.output("y", out.y, "float32", y);
    if (backward) {
      b.input("dy", "float32", y);
      // Two inputs may have one gradient, and an output needs a value to itself.
      const own = (gradient: string): string => {
        let copy = gradient;
        for (let i = 0; i <= b.finish().outputs.length; i += 1) copy = b.node("Identity", [copy]);
        return copy;
      };
      const into = new Map(
        wanted.map(
          ([name, { shape }]) => [name, accumulate ? b.input(`into.${name}`, "float32", shape) : undefined] as const,
        ),
      );
      for (const [name, gradient] of t.backward(out.y, b.node("Identity", ["dy"]), into)) {
        b.output(`d${name}`, own(gradient), "float32", inputs[name]?.shape ?? []);
      }
    }
    const model = b.finish();
    return runtime.session(model.bytes, model);
  };
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, given]) => [name, load(given)]));
  const dy = load({ dtype: "float32", shape: y, values: noise(99, elementsOf(y)) });
  const outputs = { y: zeros(y), ...Object.fromEntries(wanted.map(([name, { shape }]) => [`d${name}`, zeros(shape)])) };
  await build(true, false).run({ ...feeds, dy }, outputs);

  const forward = build(false, false);
  const result = zeros(y);
  const lossAt = async (): Promise<number> => {
    await forward.run(feeds, { y: result });
    return floatsOf(result).reduce((sum, value, i) => sum + value * (floatsOf(dy)[i] as number), 0);
  };
  for (const [name] of wanted) {
    const values = floatsOf(feeds[name] as Tensor);
    const numeric: number[] = [];
    const delta = 2 ** -6;
    for (let i = 0; i < values.length; i += 1) {
      const at = values[i] as number;
      // Five points: an error of δ⁴, so that δ can be large against float32's rounding.
      const loss: number[] = [];
      for (const steps of [-2, -1, 1, 2]) {
        values[i] = at + steps * delta;
        loss.push(await lossAt());
      }
      values[i] = at;
      const [a, b, c, d] = loss as [number, number, number, number];
      numeric.push((a - 8 * b + 8 * c - d) / (12 * delta));
    }
    expect(
      relativeError(floatsOf(outputs[`d${name}` as keyof typeof outputs]), numeric),
      `${operator}: ${name}`,
    ).toBeLessThan(2e-4);
  }

  const before = Object.fromEntries(
    wanted.map(([name, { shape }], i) => [`into.${name}`, load(floats(200 + i, ...shape))]),
  );
  const after = Object.fromEntries(wanted.map(([name, { shape }]) => [`d${name}`, zeros(shape)]));
  await build(true, true).run({ ...feeds, ...before, dy }, { y: outputs.y, ...after });
  for (const [name] of wanted) {
    const gradient = floatsOf(outputs[`d${name}` as keyof typeof outputs]);
    const sum = floatsOf(before[`into.${name}`] as Tensor).map((value, i) => value + (gradient[i] as number));
    expect(relativeError(floatsOf(after[`d${name}`] as Tensor), sum), `${operator}: ${name}, added`).toBeLessThan(1e-5);
  }
};

describe("the gradient of", () => {
  // Over the rules, not over the examples: an operator without one fails.
  it.each(Object.keys(rules))("%s agrees with finite differences, alone and added to another", checkGradient);
});

describe("tape", () => {
  it("adds up the gradients of a value with several uses, and leaves out what nothing depends on", async () => {
    const b = onnxBuilder("uses");
    const [x, w, unused] = [
      b.input("x", "float32", [2, 3]),
      b.input("w", "float32", [3, 3]),
      b.input("unused", "float32", [1]),
    ];
    const t = tape(b);
    const first = t.apply("linear", { x, weight: w }).y;
    const { y } = t.apply("add", { a: t.apply("linear", { x: first, weight: w }).y, b: first });
    b.output("y", y, "float32", [2, 3]);
    const gradients = t.backward(
      y,
      b.input("dy", "float32", [2, 3]),
      new Map([
        [w, undefined],
        [unused, undefined],
      ]),
    );
    expect([...gradients.keys()]).toEqual(["w"]);
    b.output("dw", gradients.get(w) ?? "", "float32", [3, 3]);
    const model = b.finish();
    // x = 1 (rows of ones), w = c·I: y = (c² + c)·x, so that dL/dw = Σ rows dy ⊗ x·(2c + 1) for this w.
    const c = 0.5;
    const dw = zeros([3, 3]);
    await runtime.session(model.bytes, model).run(
      {
        x: load(fixed([2, 3], [1, 1, 1, 1, 1, 1])),
        w: load(fixed([3, 3], [c, 0, 0, 0, c, 0, 0, 0, c])),
        unused: zeros([1]),
        dy: load(fixed([2, 3], [1, 2, 3, 4, 5, 6])),
      },
      { y: zeros([2, 3]), dw },
    );
    expect([...floatsOf(dw)]).toEqual([5, 5, 5, 7, 7, 7, 9, 9, 9].map((value) => value * (2 * c + 1)));
  });
});
