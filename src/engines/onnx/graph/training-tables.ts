import type { Runtime, Tensor } from "../carriers/runtime.ts";
import { hasSlidingLayers, type LayerType, type ModelConfig } from "../model-config.ts";
import { ropeTables } from "./rope.ts";

/** The kinds of layer that a model has, and what the names of their inputs begin with. */
export const layerKinds = (config: ModelConfig): ReadonlyMap<LayerType, "" | "sliding."> =>
  new Map<LayerType, "" | "sliding.">([
    ["full_attention", ""],
    ...(hasSlidingLayers(config) ? ([["sliding_attention", "sliding."]] as const) : []),
  ]);

/** Tables of angles as tensors [positions, d/2]; the gradient of a rotation turns by the opposite angle. */
export const angleTensors = (
  runtime: Runtime,
  config: ModelConfig,
  type: LayerType,
  positions: number,
): Readonly<Record<"cos" | "sin" | "minusSin", Tensor>> => {
  const { cos, sin } = ropeTables(config, type, positions);
  const table = (values: Float32Array): Tensor => {
    const memory = runtime.allocate("float32", values.length);
    (memory.data as Float32Array).set(values);
    return runtime.tensor(memory, [positions, config.head_dim / 2]);
  };
  return { cos: table(cos), sin: table(sin), minusSin: table(sin.map((value) => -value)) };
};
