import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AgentFlowError } from "../../../errors.ts";
import { random, randomKey } from "../../../random.ts";
import {
  decodeForwardBackward,
  decodeForwardBackwardOutput,
  encodeForwardBackward,
  encodeForwardBackwardOutput,
} from "./forward-backward.ts";
import { decodeSampleResponse, encodeSampleResponse } from "./sample-response.ts";
import { floatTensor, idTensor, numbersOf, type Tensor } from "./tensor.ts";

/** Bodies as the official client (0.25 and 0.38) and SkyRL 0.4.0 sent them. */
const captured = JSON.parse(
  readFileSync(new URL("../../../../test/fixtures/tinker-traffic.json", import.meta.url), "utf8"),
) as Readonly<Record<"requests" | "outputs" | "samples", readonly string[]>>;
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const float = fc.float({ noNaN: true });
const floats = fc.array(float, { maxLength: 12 }).map((values) => Float32Array.from(values));
const id = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const name = fc.string({ minLength: 1, maxLength: 12 });
const mapOf = <Value>(value: fc.Arbitrary<Value>) =>
  fc.dictionary(name, value, { maxKeys: 4 }).map((record) => new Map(Object.entries(record)));

describe("bodies of other implementations", () => {
  it("are read and written again to the same bytes", () => {
    expect(captured.requests.length).toBeGreaterThanOrEqual(5);
    for (const hex of captured.requests)
      expect(hexOf(encodeForwardBackward(decodeForwardBackward(bytesOf(hex))))).toBe(hex);
    for (const hex of captured.outputs)
      expect(hexOf(encodeForwardBackwardOutput(decodeForwardBackwardOutput(bytesOf(hex))))).toBe(hex);
    for (const hex of captured.samples)
      expect(hexOf(encodeSampleResponse(decodeSampleResponse(bytesOf(hex))))).toBe(hex);
  });

  it("hold what was sent", () => {
    const request = decodeForwardBackward(bytesOf(captured.requests[0] ?? ""));
    expect(request).toMatchObject({ modelId: "model_74803bbf", seqId: 1, loss: "cross_entropy", forwardOnly: true });
    const [datum] = request.data;
    expect(datum?.tokens).toEqual([1, 10, 20, 30, 40, 50, 60, 70]);
    expect(numbersOf(datum?.inputs.get("target_tokens") ?? idTensor([]))).toEqual([10, 20, 30, 40, 50, 60, 70, 80]);
    expect(numbersOf(datum?.inputs.get("weights") ?? idTensor([]))).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    const [logProbs] = decodeForwardBackwardOutput(bytesOf(captured.outputs[0] ?? "")).fields.get("logprobs") ?? [];
    expect(logProbs?.[0]).toBeCloseTo(-7.6364, 3);
    const { sequences, promptLogProbs } = decodeSampleResponse(bytesOf(captured.samples[0] ?? ""));
    expect(sequences.map(({ tokens }) => tokens)).toEqual([
      [284, 351, 370, 4],
      [160, 428, 507, 245],
    ]);
    expect(promptLogProbs).toHaveLength(4);
  });
});

describe("what is written", () => {
  it("reads as it was: requests", () => {
    const tensor: fc.Arbitrary<Tensor> = fc.oneof(floats.map(floatTensor), fc.array(id).map(idTensor));
    const request = fc.record({
      modelId: fc.string(),
      seqId: id,
      data: fc.array(fc.record({ tokens: fc.array(id, { maxLength: 12 }), inputs: mapOf(tensor) }), { maxLength: 3 }),
      loss: fc.string(),
      lossConfig: mapOf(fc.double({ noNaN: true })),
      forwardOnly: fc.boolean(),
    });
    fc.assert(
      fc.property(request, (one) => {
        expect(decodeForwardBackward(encodeForwardBackward(one))).toEqual(one);
      }),
    );
  });

  it("reads as it was: results", () => {
    const output = fc.integer({ min: 1, max: 3 }).chain((count) =>
      fc.record({
        type: fc.string(),
        fields: fc
          .dictionary(name, fc.array(floats, { minLength: count, maxLength: count }), { maxKeys: 3 })
          .map((record) => new Map(Object.entries(record))),
        metrics: mapOf(fc.double({ noNaN: true })),
      }),
    );
    fc.assert(
      fc.property(output, (one) => {
        expect(decodeForwardBackwardOutput(encodeForwardBackwardOutput(one))).toEqual(one);
      }),
    );
    const sequence = fc.array(fc.tuple(id, float), { maxLength: 8 }).chain((drawn) =>
      fc.record({
        stopReason: fc.constantFrom("stop" as const, "length" as const),
        tokens: fc.constant(drawn.map(([token]) => token)),
        logProbs: fc.constantFrom(
          undefined,
          Float32Array.from(drawn, ([, logProb]) => logProb),
        ),
      }),
    );
    const response = fc.record({
      sequences: fc.array(sequence, { maxLength: 3 }),
      promptLogProbs: fc.option(floats, { nil: undefined }),
    });
    fc.assert(
      fc.property(response, (one) => {
        expect(decodeSampleResponse(encodeSampleResponse(one))).toEqual(one);
      }),
    );
  });
});

describe("bodies that are damaged", () => {
  it("are refused in words or read as something, 10,000 of them, and never anything else", () => {
    const kinds = [
      { bodies: captured.requests, decode: decodeForwardBackward },
      { bodies: captured.outputs, decode: decodeForwardBackwardOutput },
      { bodies: captured.samples, decode: decodeSampleResponse },
    ];
    const draw = random(randomKey("damaged bodies"));
    let refused = 0;
    for (let i = 0; i < 10_000; i += 1) {
      const { bodies, decode } = draw.pick(kinds);
      const body = bytesOf(draw.pick(bodies));
      for (let edits = 1 + draw.below(4); edits > 0; edits -= 1) body[draw.below(body.length)] = draw.below(256);
      const cut = draw.below(3) === 0 ? body.subarray(0, draw.below(body.length)) : body;
      try {
        decode(cut);
      } catch (error) {
        expect(error).toBeInstanceOf(AgentFlowError);
        refused += 1;
      }
    }
    // Most damage is within numbers, which nothing can tell; what is refused must be some of each kind.
    expect(refused).toBeGreaterThan(3000);
    expect(() => decodeForwardBackward(bytesOf("ffffff"))).toThrow("This is not a request of forward_backward");
    expect(() => decodeSampleResponse(bytesOf("0a0212"))).toThrow("longer than the message");
  });
});
