import { describe, expect, it } from "vitest";
import { ggufBlocks } from "../../../../test/fixtures/gguf.ts";
import { ggufFormatName, ggufFormats } from "./gguf-quantisation.ts";

describe("quantisations of GGUF", () => {
  it.each(ggufBlocks.map((block) => [block.format, block] as const))(
    "%s gives the numbers of ggml's own reader, bit for bit",
    (name, block) => {
      const format = ggufFormats.get(block.type);
      const bytes = Buffer.from(block.bytes, "base64");
      const expected = Buffer.from(block.floats, "base64");
      expect(format?.name).toBe(name);
      const count = (bytes.length / (format?.blockBytes ?? 0)) * (format?.blockLength ?? 0);
      expect(4 * count).toBe(expected.length);
      // In the middle of an array: a piece of a tensor goes where its turn is.
      const out = new Float32Array(count + 20);
      format?.decode(bytes, out, 10);
      expect(
        Buffer.from(out.buffer)
          .subarray(40, 40 + expected.length)
          .equals(expected),
      ).toBe(true);
      expect([...out.subarray(0, 10), ...out.subarray(count + 10)]).toEqual(new Array(20).fill(0));
    },
  );

  it("knows all that it reads, and the names of others", () => {
    const read = [...ggufFormats.values()].map(({ name }) => name).sort();
    expect(read).toEqual(["F32", ...ggufBlocks.map(({ format }) => format)].sort());
    expect([ggufFormatName(12), ggufFormatName(23), ggufFormatName(999)]).toEqual(["Q4_K", "IQ4_XS", "number 999"]);
  });
});
