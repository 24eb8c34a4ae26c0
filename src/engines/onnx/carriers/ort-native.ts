import { availableParallelism } from "node:os";
import { EngineError, messageOf } from "../../../errors.ts";
import { type Koffi, nativeLibrary, type Pointer } from "./ort-library.ts";
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

const ELEMENT_TYPE: Readonly<Record<DType, number>> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

interface NativeMemory extends Memory {
  readonly address: Pointer;
  readonly keepAlive: ArrayBuffer;
}

/** 10 to 15 % faster than no spinning, in training and sampling, for no more processor time. */
const SPINNING: Readonly<Record<string, string>> = {
  "session.intra_op.allow_spinning": "1",
  "session.intra_op.spin_duration_us": "10",
  "session.force_spinning_stop": "1",
};

interface NativeConstants extends Constants {
  readonly values: ReadonlyMap<string, { readonly pointer: Pointer }>;
}

/** A null-terminated list of C strings, and what must stay alive with it. */
const cStrings = (koffi: Koffi, names: readonly string[]): { pointers: BigUint64Array; keepAlive: Buffer[] } => {
  const keepAlive = names.map((name) => Buffer.from(`${name}\0`, "utf8"));
  return { pointers: new BigUint64Array(keepAlive.map((buffer) => koffi.address(buffer))), keepAlive };
};

/**
 * Opens the native runtime. Throws EngineError where koffi or the library is missing.
 * `threads`: intra-op threads of a session. @default all cores, at most 8
 */
export const openNativeRuntime = ({
  threads = Math.min(8, availableParallelism()),
}: {
  readonly threads?: number;
} = {}): Runtime => {
  const native = nativeLibrary();
  const { koffi, api } = native;
  const check = (status: Pointer | null, what: string): void => {
    if (!status) return;
    const message = String(api.getErrorMessage(status));
    api.releaseStatus(status);
    throw new EngineError(`ONNX Runtime could not ${what}: ${message}`);
  };
  const out = (what: string, call: (box: [Pointer | null]) => Pointer): Pointer => {
    const box: [Pointer | null] = [null];
    check(call(box), what);
    if (!box[0]) throw new EngineError(`ONNX Runtime could not ${what}: it returned nothing`);
    return box[0];
  };
  const env = out("start", (box) => api.createEnv(3, "agentflow", box));
  const memoryInfo = out("describe memory", (box) => api.createCpuMemoryInfo(1, 0, box));

  const allocate = (dtype: DType, elements: number): NativeMemory => {
    const bytes = Math.max(1, elements) * bytesOf[dtype];
    const keepAlive = new ArrayBuffer(bytes + 64);
    const start = koffi.address(keepAlive);
    const shift = Number((64n - (start % 64n)) % 64n);
    const View = {
      float32: Float32Array,
      uint8: Uint8Array,
      int64: BigInt64Array,
      int32: Int32Array,
      bool: Uint8Array,
    }[dtype];
    return { dtype, data: new View(keepAlive, shift, elements), address: start + BigInt(shift), keepAlive };
  };

  // One OrtValue a (memory, shape, offset): made on first use and released with its memory's owner by the registry.
  const values = new WeakMap<Tensor, { pointer: Pointer }>();
  const registry = new FinalizationRegistry<Pointer>((pointer) => void api.releaseValue(pointer));
  const ortValue = (tensor: Tensor): Pointer => {
    const known = values.get(tensor);
    if (known) return known.pointer;
    const memory = tensor.memory as NativeMemory;
    const size = bytesOf[memory.dtype];
    const shape = new BigInt64Array(tensor.shape.map(BigInt));
    const pointer = out("wrap a tensor", (box) =>
      api.createTensorWithDataAsOrtValue(
        memoryInfo,
        memory.address + BigInt(tensor.offset * size),
        elementsOf(tensor.shape) * size,
        shape,
        shape.length,
        ELEMENT_TYPE[memory.dtype],
        box,
      ),
    );
    values.set(tensor, { pointer });
    registry.register(tensor, pointer);
    return pointer;
  };

  const allocator = out("find its allocator", (box) => api.getAllocatorWithDefaultOptions(box));
  const constants = (): NativeConstants => {
    const values = new Map<
      string,
      { readonly pointer: Pointer; readonly address: Pointer; readonly bytes: Uint8Array }
    >();
    const release = (name: string): void => {
      const known = values.get(name);
      if (!known) return;
      values.delete(name);
      api.releaseValue(known.pointer);
      check(api.allocatorFree(allocator, known.address), "free a constant");
    };
    return {
      values,
      set: (name, dtype, shape, data) => {
        const size = elementsOf(shape) * bytesOf[dtype];
        if (data.byteLength !== size)
          throw new EngineError(`The constant "${name}" needs ${size} bytes, received ${data.byteLength}.`);
        let known = values.get(name);
        if (known?.bytes.length !== size) {
          release(name);
          const address = out("allocate a constant", (box) => api.allocatorAlloc(allocator, size, box));
          const dims = new BigInt64Array(shape.map(BigInt));
          const pointer = out("make a constant", (box) =>
            api.createTensorWithDataAsOrtValue(memoryInfo, address, size, dims, dims.length, ELEMENT_TYPE[dtype], box),
          );
          known = { pointer, address, bytes: new Uint8Array(koffi.view(address, size)) };
          values.set(name, known);
        }
        known.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      },
      blank: (name) => void values.get(name)?.bytes.fill(0),
      release,
      dispose: () => {
        for (const name of [...values.keys()]) release(name);
      },
    };
  };

  const session: Runtime["session"] = (model, names) => {
    const options = out("make session options", (box) => api.createSessionOptions(box));
    check(api.setIntraOpNumThreads(options, Math.min(threads, names.threads ?? threads)), "set threads");
    // A memory pattern is kept for every combination of shapes, for ever: ours hardly ever come again.
    check(api.disableMemPattern(options), "turn memory patterns off");
    // Each session has its own pool. Threads wait for the next product for a moment, and never between runs: a pool
    // that spins while another one works would take its cores.
    for (const [key, value] of Object.entries(SPINNING)) {
      check(api.addSessionConfigEntry(options, key, value), "set spinning");
    }
    const given = names.constants as NativeConstants | undefined;
    let pointer: Pointer;
    try {
      if (given) {
        check(api.addSessionConfigEntry(options, "session.use_device_allocator_for_initializers", "1"), "set memory");
        const list = cStrings(koffi, [...given.values.keys()]);
        const pointers = BigUint64Array.from([...given.values.values()], (value) => value.pointer);
        check(api.addExternalInitializers(options, list.pointers, pointers, pointers.length), "take constants");
      }
      pointer = out("load a graph", (box) => api.createSessionFromArray(env, model, model.byteLength, options, box));
    } finally {
      api.releaseSessionOptions(options);
    }
    const inputNames = cStrings(koffi, names.inputs);
    const outputNames = cStrings(koffi, names.outputs);
    const running = new Set<unknown>();
    let disposed = false;
    /** A call under way still reads the session: the last one to end lets go of it. */
    const letGo = (): void => {
      if (disposed && running.size === 0) api.releaseSession(pointer);
    };
    const run: Session["run"] = async (inputs, outputs) => {
      if (disposed) throw new EngineError("This session is closed.");
      const pick = (from: Readonly<Record<string, Tensor>>, wanted: readonly string[]): BigUint64Array =>
        BigUint64Array.from(wanted, (name) => {
          const tensor = from[name];
          if (!tensor)
            throw new EngineError(`The graph needs the tensor "${name}"; given are ${Object.keys(from).join(", ")}.`);
          return ortValue(tensor);
        });
      const feeds = pick(inputs, names.inputs);
      const fetches = pick(outputs, names.outputs);
      // Referenced until the call returns: a collected tensor would release its value under the library's feet.
      const inFlight = [inputs, outputs, feeds, fetches];
      running.add(inFlight);
      await new Promise<void>((resolve, reject) => {
        api.run.async(
          pointer,
          null,
          inputNames.pointers,
          feeds,
          feeds.length,
          outputNames.pointers,
          fetches.length,
          fetches,
          (error: unknown, status: Pointer | null) => {
            running.delete(inFlight);
            letGo();
            try {
              if (error) throw new EngineError(`ONNX Runtime could not run: ${messageOf(error)}`);
              check(status, "run the graph");
              resolve();
            } catch (failure) {
              reject(failure as Error);
            }
          },
        );
      });
    };
    return {
      inputs: names.inputs,
      outputs: names.outputs,
      run,
      dispose: () => {
        if (disposed) return;
        disposed = true;
        letGo();
      },
    };
  };

  return {
    description: { runtime: "onnxruntime (native)", version: native.version, threads },
    allocate,
    tensor: tensorOver,
    constants,
    session,
    dispose: () => {
      api.releaseMemoryInfo(memoryInfo);
      api.releaseEnv(env);
    },
  };
};
