import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { EngineError } from "../../../errors.ts";
import { installCommand, missingPackage, RUNTIME } from "../../../optional-package.ts";

/**
 * ONNX Runtime's C library (from the package of this platform, or onnxruntime-node) called through koffi: no copies, bound calls of a
 * few microseconds. The API is a table of function pointers by position; the table only ever grows at its end.
 */
const API_VERSION = 20;
const POSITION = {
  getErrorMessage: 2,
  createEnv: 3,
  createSessionFromArray: 8,
  run: 9,
  createSessionOptions: 10,
  disableMemPattern: 17,
  setSessionGraphOptimizationLevel: 23,
  setIntraOpNumThreads: 24,
  createTensorWithDataAsOrtValue: 49,
  createCpuMemoryInfo: 69,
  allocatorAlloc: 75,
  allocatorFree: 76,
  getAllocatorWithDefaultOptions: 78,
  releaseEnv: 92,
  releaseStatus: 93,
  releaseMemoryInfo: 94,
  releaseSession: 95,
  releaseValue: 96,
  releaseSessionOptions: 100,
  addSessionConfigEntry: 130,
  addExternalInitializers: 210,
} as const;

/** The file name of the shared library, by platform. */
const LIBRARY: Readonly<Record<string, string>> = {
  linux: "libonnxruntime.so.1",
  darwin: "libonnxruntime.1.dylib",
  win32: "onnxruntime.dll",
};

export type Koffi = typeof import("koffi").default;
export type Pointer = bigint;
type NativeCall = ((...args: readonly unknown[]) => Pointer) & {
  async: (...args: readonly unknown[]) => void;
};

/** The library as it lies in the process. */
export interface NativeLibrary {
  readonly koffi: Koffi;
  readonly api: Readonly<Record<keyof typeof POSITION, NativeCall>>;
  readonly version: string;
  readonly library: unknown;
}

/** Loaded once a process and never dropped: were koffi's handle collected, the library would be unloaded. */
let loaded: NativeLibrary | undefined;

const { platform, arch } = process;

/** The packages that may hold the library, and where in them it lies. */
const HOLDERS = [
  { name: RUNTIME, inside: "" },
  { name: "onnxruntime-node", inside: join("bin", "napi-v6", platform, arch) },
];

/** The shared library and the version of the package that holds it. Throws `EngineError` where there is none. */
const findLibrary = (require: NodeJS.Require): { readonly file: string; readonly version: string } => {
  const library = LIBRARY[platform];
  if (library === undefined) throw new EngineError(`ONNX Runtime has no library for ${platform}-${arch}.`);
  for (const { name, inside } of HOLDERS)
    for (const folder of require.resolve.paths(name) ?? []) {
      const [manifest, file] = [join(folder, name, "package.json"), join(folder, name, inside, library)];
      if (!existsSync(manifest) || !existsSync(file)) continue;
      const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string };
      return { file, version };
    }
  throw new EngineError(
    `The library that models run on is not installed for ${platform}-${arch}. Run: ${installCommand("koffi")}`,
  );
};

const load = (): NativeLibrary => {
  const require = createRequire(import.meta.url);
  let koffi: Koffi;
  try {
    koffi = require("koffi") as Koffi;
  } catch (cause) {
    throw new EngineError(missingPackage("koffi", cause).message, { cause });
  }
  const { file, version } = findLibrary(require);
  koffi.config({ sync_stack_size: 16 * 2 ** 20, async_stack_size: 16 * 2 ** 20, resident_async_pools: 2 });
  const handle = koffi.load(file);
  const base = handle.func("OrtGetApiBase", "void *", [])() as Pointer;
  const getApi = koffi.decode(base, "void *") as Pointer;
  const table = koffi.call(getApi, koffi.proto("void *", ["uint32_t"]), API_VERSION) as Pointer | null;
  if (!table) throw new EngineError(`${file} does not offer version ${API_VERSION} of the ONNX Runtime API.`);
  const prototypes: Readonly<Record<keyof typeof POSITION, [string, string[]]>> = {
    getErrorMessage: ["str", ["void *"]],
    createEnv: ["void *", ["int", "str", "_Out_ void **"]],
    createSessionFromArray: ["void *", ["void *", "void *", "size_t", "void *", "_Out_ void **"]],
    run: ["void *", ["void *", "void *", "void *", "void *", "size_t", "void *", "size_t", "void *"]],
    createSessionOptions: ["void *", ["_Out_ void **"]],
    disableMemPattern: ["void *", ["void *"]],
    setSessionGraphOptimizationLevel: ["void *", ["void *", "int"]],
    setIntraOpNumThreads: ["void *", ["void *", "int"]],
    createTensorWithDataAsOrtValue: [
      "void *",
      ["void *", "void *", "size_t", "void *", "size_t", "int", "_Out_ void **"],
    ],
    createCpuMemoryInfo: ["void *", ["int", "int", "_Out_ void **"]],
    allocatorAlloc: ["void *", ["void *", "size_t", "_Out_ void **"]],
    allocatorFree: ["void *", ["void *", "void *"]],
    getAllocatorWithDefaultOptions: ["void *", ["_Out_ void **"]],
    releaseEnv: ["void", ["void *"]],
    releaseStatus: ["void", ["void *"]],
    releaseMemoryInfo: ["void", ["void *"]],
    releaseSession: ["void", ["void *"]],
    releaseValue: ["void", ["void *"]],
    releaseSessionOptions: ["void", ["void *"]],
    addSessionConfigEntry: ["void *", ["void *", "str", "str"]],
    addExternalInitializers: ["void *", ["void *", "void *", "void *", "size_t"]],
  };
  const api = Object.fromEntries(
    Object.entries(POSITION).map(([name, position]) => {
      const [result, parameters] = prototypes[name as keyof typeof POSITION];
      const pointer = koffi.decode(table, position * 8, "void *") as Pointer;
      return [name, koffi.decode(pointer, koffi.proto(result, parameters))];
    }),
  ) as Record<keyof typeof POSITION, NativeCall>;
  return { koffi, api, version, library: handle };
};

/** Loads the library on the first call. Throws EngineError where koffi or the library is missing. */
export const nativeLibrary = (): NativeLibrary => {
  loaded ??= load();
  return loaded;
};
