import { describe, expect, it } from "vitest";
import { fixtureTensors, fixtureWeights, llamaFixture, relativeError } from "../../../../test/fixtures/llama.ts";
import { ConfigError, EngineError } from "../../../errors.ts";
import { missingPackage } from "../../../optional-package.ts";
import { randomKey } from "../../../random.ts";
import { createQuantisedSampler } from "../sampling/quantised-sampler.ts";
import { createSampler } from "../sampling/sampler.ts";
import { createTrainer } from "../training/trainer.ts";
import { allocateWeights } from "../weights.ts";
import { openRuntime } from "./open-runtime.ts";
import { openNativeRuntime } from "./ort-native.ts";
import { openWebRuntime } from "./ort-web.ts";
import { floatsOf, type Runtime } from "./runtime.ts";
import { selfTest } from "./self-test.ts";

const { config, sequences } = llamaFixture;
/** The sampler's kernel takes heads of 16 and more. */
const wide = { ...config, head_dim: 16 };
const web = await openWebRuntime({ threads: 2 });

describe("WebAssembly carries the engine", () => {
  it("as the self-test asks: outputs on the memory of inputs, rows that do not depend on the batch", async () => {
    await selfTest(web);
  });

  it("trains: log-probabilities and gradients agree with PyTorch", async () => {
    const trainer = createTrainer(web, config);
    const gradient = allocateWeights(web, config);
    const coefficients = sequences.map((sequence) => Float32Array.from(sequence.coefficients));
    const { logProbs } = await trainer.backward(fixtureWeights(web), gradient, sequences, coefficients);
    for (const [i, sequence] of sequences.entries())
      for (const [k, value] of sequence.logProbs.entries()) expect(logProbs[i]?.[k]).toBeCloseTo(value, 4);
    for (const [name, tensor] of gradient.tensors)
      expect(relativeError(floatsOf(tensor), fixtureTensors[`gradient.${name}`]?.data ?? []), name).toBeLessThan(1e-4);
    trainer.dispose();
  });

  const request = {
    prompt: [{ ids: [3, 1, 4, 1, 5], sampled: false }],
    history: "h",
    randomKey: randomKey("web"),
    maxTokens: 12,
    stopIds: [],
  };

  it("samples what the native carrier samples, turn after turn", async () => {
    const sampled = async (runtime: Runtime): Promise<readonly number[]> => {
      const snapshot = { version: "v", weights: fixtureWeights(runtime, wide) };
      const sampler = createSampler(runtime, wide, { slots: 4, exclusive: (work) => work() });
      const first = await sampler.sample(request, snapshot);
      const prompt = [...request.prompt, { ids: first.ids, sampled: true }, { ids: [7, 7], sampled: false }];
      const second = await sampler.sample({ ...request, prompt }, snapshot);
      sampler.dispose();
      return [...first.ids, ...second.ids];
    };
    const native = openNativeRuntime({ threads: 2 });
    expect(await sampled(web)).toEqual(await sampled(native));
    native.dispose();
  });

  it.each(["none", "int8", "int4"] as const)(
    "samples a frozen base (%s) near what the native carrier says",
    async (quantisation) => {
      const sampled = async (runtime: Runtime) => {
        const weights = fixtureWeights(runtime, wide);
        const sampler = await createQuantisedSampler(runtime, wide, {
          tensors: { read: async (name) => floatsOf(weights.tensors.get(name) ?? expect.fail(name)).slice() },
          quantisation,
          exclusive: (work) => work(),
          contextLength: 64,
          slots: 4,
        });
        const sample = await sampler.sample({ ...request, temperature: 0, maxTokens: 1 }, { version: "base" });
        sampler.dispose();
        return sample;
      };
      const native = openNativeRuntime({ threads: 2 });
      const [here, there] = [await sampled(web), await sampled(native)];
      expect(here.ids).toEqual(there.ids);
      // Other kernels round activations to 8 bits in other places.
      expect(Math.abs((here.logProbs[0] ?? 0) - (there.logProbs[0] ?? 0))).toBeLessThan(0.05);
      native.dispose();
    },
  );

  it("says what it cannot load or run", async () => {
    const session = web.session(new Uint8Array([1, 2, 3]), { inputs: [], outputs: [] });
    await expect(session.run({}, {})).rejects.toThrow(EngineError);
  });
});

describe("the choice of a carrier", () => {
  const missing = (): never => {
    throw new EngineError("The native runtime needs the npm package koffi. Run: npm install koffi");
  };

  it("is the native one, and WebAssembly, said once, where that is missing", async () => {
    const notices: string[] = [];
    const notice = (text: string): number => notices.push(text);
    const environment = {};
    expect((await openRuntime({ environment, notice })).description.runtime).toContain("native");
    for (let i = 0; i < 2; i += 1)
      expect((await openRuntime({ environment, notice, openNative: missing })).description.runtime).toContain(
        "WebAssembly",
      );
    expect(notices).toEqual([expect.stringMatching(/slower.*koffi/)]);
  });

  it("says what to install where there is neither", async () => {
    const openWeb = async (): Promise<never> => {
      throw missingPackage("onnxruntime-web", Object.assign(new Error(), { code: "ERR_MODULE_NOT_FOUND" }));
    };
    const opening = openRuntime({ environment: {}, openNative: missing, openWeb });
    await expect(opening).rejects.toThrow(/koffi.*npm install onnxruntime-web@\d/);
    await expect(openRuntime({ carrier: "wasm", openWeb })).rejects.toThrow(/^Running models on WebAssembly needs/);
  });

  it("follows AGENTFLOW_RUNTIME, and refuses what is neither", async () => {
    const chosen = await openRuntime({ environment: { AGENTFLOW_RUNTIME: "wasm" }, notice: () => undefined });
    expect(chosen.description.runtime).toContain("WebAssembly");
    // Who names the native carrier is told why it cannot be had.
    await expect(openRuntime({ environment: { AGENTFLOW_RUNTIME: "native" }, openNative: missing })).rejects.toThrow(
      /koffi/,
    );
    await expect(openRuntime({ environment: { AGENTFLOW_RUNTIME: "gpu" } })).rejects.toThrow(ConfigError);
  });
});
