import { EngineError } from "../../../errors.ts";
import { onnxBuilder } from "../graph/onnx-builder.ts";
import { floatsOf, type Runtime } from "./runtime.ts";

/**
 * Checks, in a few milliseconds at start, what the engine relies on and no specification promises: that an output may
 * lie on the memory of an input (accumulated gradients, caches written in place), and that a row's bits do not depend
 * on how many rows share its batch. Throws EngineError naming what does not hold.
 */
export const selfTest = async (runtime: Runtime): Promise<void> => {
  const rows = 6;
  const size = 48;
  const b = onnxBuilder("self-test");
  b.input("x", "float32", ["N", size]);
  b.input("w", "float32", [size, size]);
  b.input("sum", "float32", ["N", size]);
  b.input("cache", "float32", [rows, size]);
  b.input("place", "int64", ["N", 1]);
  b.output("accumulated", b.node("Gemm", ["x", "w", "sum"], { transB: 1 }), "float32", ["N", size]);
  b.output("written", b.node("ScatterND", ["cache", "place", "x"]), "float32", [rows, size]);
  const model = b.finish();
  const session = runtime.session(model.bytes, model);
  try {
    const fill = (count: number, value: (i: number) => number) => {
      const memory = runtime.allocate("float32", count);
      (memory.data as Float32Array).set(Float32Array.from({ length: count }, (_, i) => value(i)));
      return memory;
    };
    const x = fill(rows * size, (i) => Math.sin(i));
    const w = runtime.tensor(
      fill(size * size, (i) => Math.cos(3 * i)),
      [size, size],
    );
    const run = async (count: number): Promise<{ sum: Float32Array; cache: Float32Array }> => {
      const sum = runtime.tensor(
        fill(count * size, (i) => i),
        [count, size],
      );
      const cache = runtime.tensor(
        fill(rows * size, () => -1),
        [rows, size],
      );
      const places = runtime.allocate("int64", count);
      for (let i = 0; i < count; i += 1) places.data[i] = BigInt(i);
      await session.run(
        { x: runtime.tensor(x, [count, size]), w, sum, cache, place: runtime.tensor(places, [count, 1]) },
        { accumulated: sum, written: cache },
      );
      return { sum: floatsOf(sum), cache: floatsOf(cache) };
    };
    const two = await run(2);
    const many = await run(rows);
    const given = x.data as Float32Array;
    const product = (row: number, column: number): number => {
      let total = row * size + column;
      for (let k = 0; k < size; k += 1) total += (given[row * size + k] as number) * Math.cos(3 * (column * size + k));
      return total;
    };
    for (let i = 0; i < 2 * size; i += 1) {
      if (Math.abs((two.sum[i] as number) - product(Math.floor(i / size), i % size)) > 1e-3) {
        throw new EngineError("Self-test: a matrix product was not added in place to what its output memory held.");
      }
      if (two.sum[i] !== many.sum[i])
        throw new EngineError("Self-test: a row's result depends on the rows that share its batch.");
    }
    if (
      !many.cache.every((value, i) => value === given[i]) ||
      two.cache[2 * size] !== -1 ||
      two.cache[0] !== given[0]
    ) {
      throw new EngineError("Self-test: rows were not written in place into a cache.");
    }
  } finally {
    session.dispose();
  }
};
