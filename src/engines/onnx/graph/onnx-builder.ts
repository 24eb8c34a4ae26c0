import { EngineError } from "../../../errors.ts";
import { type ProtoWriter, protobuf } from "../../../protobuf.ts";
import { bytesOf, type DType, elementsOf } from "../carriers/runtime.ts";

/** Attributes of a node: whole numbers, `{ float }`, text, or lists of whole numbers. */
export type Attributes = Readonly<Record<string, number | string | readonly number[] | { readonly float: number }>>;

/** A finished ONNX model and the order of its inputs and outputs. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: number;
}

/**
 * Emits ONNX nodes one by one; a node that was emitted before (same operator, inputs, attributes) is shared. Every name
 * it makes up is its own, so that inputs can be called anything else. What no output depends on is left out of the model:
 * nodes, constants and inputs.
 */
export interface OnnxBuilder {
  input(name: string, dtype: DType, shape: readonly (number | string)[]): string;
  output(name: string, from: string, dtype: DType, shape: readonly (number | string)[]): void;
  /** One node; returns the names of its `outputs` (default one). An empty input name is an absent optional input. */
  node(op: string, inputs: readonly string[], attributes?: Attributes): string;
  nodes(op: string, inputs: readonly string[], outputs: number, attributes?: Attributes, domain?: string): string[];
  constant(dtype: "float32" | "int64", values: readonly number[], shape?: readonly number[]): string;
  /** A constant whose values are not in the model: they are given to the session, by this name. */
  weight(name: string, dtype: DType, shape: readonly number[]): string;
  finish(): OnnxModel;
}

const ELEMENT: Readonly<Record<DType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };
const OPSET = 20;
const IR_VERSION = 9;
/** Operators that live in ONNX Runtime's own domain. */
const MICROSOFT = new Set(["FusedMatMul", "RotaryEmbedding", "GroupQueryAttention", "QuickGelu", "MatMulNBits"]);

const writeAttribute = (writer: ProtoWriter, name: string, value: Attributes[string]): void => {
  writer.text(1, name);
  if (typeof value === "number") {
    writer.int(3, value);
    writer.int(20, 2);
  } else if (typeof value === "string") {
    writer.bytes(4, new TextEncoder().encode(value));
    writer.int(20, 3);
  } else if ("float" in value) {
    writer.float(2, value.float);
    writer.int(20, 1);
  } else {
    for (const item of value as readonly number[]) writer.int(8, item);
    writer.int(20, 7);
  }
};

const writeValueInfo =
  (name: string, dtype: DType, shape: readonly (number | string)[]) =>
  (writer: ProtoWriter): void => {
    writer.text(1, name);
    writer.message(2, (type) =>
      type.message(1, (tensor) => {
        tensor.int(1, ELEMENT[dtype]);
        tensor.message(2, (dims) => {
          for (const size of shape)
            dims.message(1, (dim) => (typeof size === "number" ? dim.int(1, size) : dim.text(2, size)));
        });
      }),
    );
  };

export const onnxBuilder = (graphName: string): OnnxBuilder => {
  /** Each part is written when one of its `names` is needed, and then needs what it is made `from`. */
  const graph: {
    readonly kind: "input" | "output" | "node" | "constant";
    readonly names: readonly string[];
    readonly from: readonly string[];
    readonly write: (writer: ProtoWriter) => void;
  }[] = [];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const constants = new Map<string, string>();
  const known = new Map<string, string[]>();
  const outputNames = new Map<string, string>();
  const finalName = (name: string): string => outputNames.get(name) ?? name;
  let made = 0;

  const nodes: OnnxBuilder["nodes"] = (
    op,
    from,
    count,
    attributes = {},
    domain = MICROSOFT.has(op) ? "com.microsoft" : "",
  ) => {
    const key = JSON.stringify([op, from, count, attributes, domain]);
    const same = known.get(key);
    if (same) return same;
    const names = Array.from({ length: count }, () => `.${op}.${made++}`);
    known.set(key, names);
    graph.push({
      kind: "node",
      names,
      from,
      write: (writer) =>
        writer.message(1, (node) => {
          for (const name of from) node.text(1, finalName(name));
          for (const name of names) node.text(2, finalName(name));
          node.text(4, op);
          for (const [name, value] of Object.entries(attributes))
            node.message(5, (inner) => writeAttribute(inner, name, value));
          if (domain !== "") node.text(7, domain);
        }),
    });
    return names;
  };
  const node: OnnxBuilder["node"] = (op, from, attributes) => nodes(op, from, 1, attributes)[0] as string;

  return {
    input: (name, dtype, shape) => {
      inputs.push(name);
      const write = (writer: ProtoWriter): void => writer.message(11, writeValueInfo(name, dtype, shape));
      graph.push({ kind: "input", names: [name], from: [], write });
      return name;
    },
    output: (name, from, dtype, shape) => {
      if (outputNames.has(from) || inputs.includes(from))
        throw new EngineError(`${from} cannot be the output ${name}: it has a name already`);
      outputs.push(name);
      outputNames.set(from, name);
      const write = (writer: ProtoWriter): void => writer.message(12, writeValueInfo(name, dtype, shape));
      graph.push({ kind: "output", names: [name], from: [from], write });
    },
    node,
    nodes,
    constant: (dtype, values, shape = [values.length]) => {
      const key = `${dtype}[${shape}]${values}`;
      const same = constants.get(key);
      if (same) return same;
      const name = `.constant.${made++}`;
      constants.set(key, name);
      const raw = new Uint8Array(elementsOf(shape) * bytesOf[dtype]);
      if (dtype === "float32") new Float32Array(raw.buffer).set(values);
      else new BigInt64Array(raw.buffer).set(values.map(BigInt));
      const write = (writer: ProtoWriter): void =>
        writer.message(5, (tensor) => {
          for (const size of shape) tensor.int(1, size);
          tensor.int(2, ELEMENT[dtype]);
          tensor.text(8, name);
          tensor.bytes(9, raw);
        });
      graph.push({ kind: "constant", names: [name], from: [], write });
      return name;
    },
    weight: (name, dtype, shape) => {
      const write = (writer: ProtoWriter): void =>
        writer.message(5, (tensor) => {
          for (const size of shape) tensor.int(1, size);
          tensor.int(2, ELEMENT[dtype]);
          tensor.text(8, name);
          tensor.message(13, (entry) => {
            entry.text(1, "location");
            entry.text(2, name);
          });
          tensor.int(14, 1);
        });
      graph.push({ kind: "constant", names: [name], from: [], write });
      return name;
    },
    finish: () => {
      // Outputs are declared behind what they name, nodes behind what they use: one pass from the end finds all that is needed.
      const needed = new Set<string>();
      const parts = graph
        .toReversed()
        .filter(({ kind, names, from }) => {
          const used = kind === "output" || names.some((name) => needed.has(name));
          if (used) for (const name of from) needed.add(name);
          return used;
        })
        .reverse();
      const bytes = protobuf((model) => {
        model.int(1, IR_VERSION);
        model.text(2, "agentflow");
        model.message(7, (writer) => {
          for (const { write } of parts) write(writer);
          writer.text(2, graphName);
        });
        for (const [domain, version] of [
          ["", OPSET],
          ["com.microsoft", 1],
        ] as const) {
          model.message(8, (opset) => {
            opset.text(1, domain);
            opset.int(2, version);
          });
        }
      });
      return {
        bytes,
        inputs: inputs.filter((name) => needed.has(name)),
        outputs: [...outputs],
        nodes: parts.filter(({ kind }) => kind === "node").length,
      };
    },
  };
};
