import { EngineError, messageOf } from "../../../errors.ts";
import { optionalPackage } from "../../../optional-package.ts";
import {
  bytesOf,
  type Constants,
  type DType,
  elementsOf,
  type Memory,
  type Runtime,
  type Session,
  type Tensor,
  tensorOver,
} from "./runtime.ts";

/**
 * ONNX Runtime compiled to WebAssembly (npm onnxruntime-web): for platforms without the native library. Inputs are
 * copied into its memory and outputs out of it, and a run blocks the JavaScript thread: several times slower.
 */
type Ort = typeof import("onnxruntime-web");
type OrtTensor = InstanceType<Ort["Tensor"]>;

interface WebConstants extends Constants {
  /** Bytes by name, as they are now. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

const VIEW = {
  float32: Float32Array,
  uint8: Uint8Array,
  int64: BigInt64Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const;

const constants = (): WebConstants => {
  const values = new Map<string, Uint8Array>();
  return {
    values,
    set: (name, dtype, shape, data) => {
      const size = elementsOf(shape) * bytesOf[dtype];
      if (data.byteLength !== size)
        throw new EngineError(`The constant "${name}" needs ${size} bytes, received ${data.byteLength}.`);
      values.set(name, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
    },
    // A session copies what it is given when it is loaded, which may be yet to come: what it holds stays as it was.
    blank: (name) => {
      const known = values.get(name);
      if (known) values.set(name, new Uint8Array(known.length));
    },
    release: (name) => void values.delete(name),
    dispose: () => values.clear(),
  };
};

let library: Promise<Ort> | undefined;

/** Loaded once a process: the number of threads is fixed when the module starts. */
const loadLibrary = (threads: number): Promise<Ort> => {
  library ??= optionalPackage("onnxruntime-web", () => import("onnxruntime-web")).then((ort) => {
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
    return ort;
  });
  return library;
};

/** Opens the WebAssembly runtime. `threads` counts for the first that a process opens. Throws `ConfigError` without the package. */
export const openWebRuntime = async ({ threads = 2 }: { readonly threads?: number } = {}): Promise<Runtime> => {
  const ort = await loadLibrary(threads);
  const wrap = ({ memory, shape, offset }: Tensor): OrtTensor => {
    const data = memory.data.subarray(offset, offset + elementsOf(shape));
    return new ort.Tensor(memory.dtype as "float32", data as Float32Array, shape);
  };
  // One call at a time: the module has one memory and one stack.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };

  const session: Runtime["session"] = (model, names) => {
    const given = names.constants as WebConstants | undefined;
    const externalData = [...(given?.values ?? [])].map(([path, data]) => ({ path, data }));
    const loaded = inTurn(() =>
      ort.InferenceSession.create(model, {
        executionProviders: ["wasm"],
        enableMemPattern: false,
        ...(externalData.length > 0 && { externalData }),
      }),
    ).catch((cause) => {
      throw new EngineError(`ONNX Runtime (WebAssembly) could not load a graph: ${messageOf(cause)}`, { cause });
    });
    // Said where the session is used, not as a rejection that nobody has awaited yet.
    loaded.catch(() => undefined);
    let disposed = false;
    const run: Session["run"] = async (inputs, outputs) => {
      if (disposed) throw new EngineError("This session is closed.");
      const pick = (from: Readonly<Record<string, Tensor>>, name: string): Tensor => {
        const tensor = from[name];
        if (!tensor)
          throw new EngineError(`The graph needs the tensor "${name}"; given are ${Object.keys(from).join(", ")}.`);
        return tensor;
      };
      const wanted = names.outputs.map((name) => [name, pick(outputs, name)] as const);
      const feeds = Object.fromEntries(names.inputs.map((name) => [name, wrap(pick(inputs, name))]));
      const ready = await loaded;
      const results = await inTurn(() => ready.run(feeds, names.outputs as string[])).catch((cause) => {
        throw new EngineError(`ONNX Runtime (WebAssembly) could not run the graph: ${messageOf(cause)}`, { cause });
      });
      for (const [name, { memory, shape, offset }] of wanted) {
        const data = results[name]?.data as Float32Array | undefined;
        const size = elementsOf(shape);
        if (data?.length !== size)
          throw new EngineError(
            `The output "${name}" has ${data?.length ?? 0} elements; the graph was given room for ${size}.`,
          );
        (memory.data as Float32Array).set(data, offset);
      }
    };
    return {
      inputs: names.inputs,
      outputs: names.outputs,
      run,
      dispose: () => {
        if (disposed) return;
        disposed = true;
        void loaded.then(
          (ready) => inTurn(() => ready.release()),
          () => undefined,
        );
      },
    };
  };

  return {
    description: {
      runtime: "onnxruntime (WebAssembly)",
      version: ort.env.versions.web ?? "unknown",
      threads: ort.env.wasm.numThreads ?? 1,
    },
    allocate: (dtype: DType, elements: number): Memory => ({ dtype, data: new VIEW[dtype](elements) }),
    tensor: tensorOver,
    constants,
    session,
    dispose: () => undefined,
  };
};
