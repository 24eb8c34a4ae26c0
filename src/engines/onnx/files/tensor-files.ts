import { type FileHandle, open } from "node:fs/promises";
import { messageOf, StoreError } from "../../../errors.ts";
import type { NumberFormat } from "./number-formats.ts";

/** Where the numbers of one tensor lie in an open file. */
export interface TensorPlace {
  readonly shape: readonly number[];
  readonly format: NumberFormat;
  /** Bytes from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

/** An open file, whose size is known: every claim about it is held against that before memory is taken. */
export interface TensorFile {
  readonly path: string;
  readonly size: number;
  /** Fresh bytes [begin, end). Throws `StoreError` when the file is shorter. */
  bytes(begin: number, end: number): Promise<Buffer>;
  /** Fresh float32 numbers of a tensor. */
  numbers(place: TensorPlace): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Encoded bytes that are read at once: a tensor is decoded piece by piece and lies in memory only once. */
const pieceBytes = 4 * 1024 * 1024;

/** Number of elements; undefined when it is beyond what an index can hold. */
export const sizeOf = (shape: readonly number[]): number | undefined => {
  const size = shape.reduce((product, side) => product * side, 1);
  return Number.isSafeInteger(size) ? size : undefined;
};

/** Opens a file for reading tensors. Throws `StoreError`. */
export const openTensorFile = async (path: string): Promise<TensorFile> => {
  const failed = (cause: unknown): StoreError => new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  let handle: FileHandle;
  let size: number;
  try {
    handle = await open(path, "r");
    ({ size } = await handle.stat());
  } catch (cause) {
    throw failed(cause);
  }
  const fill = async (into: Uint8Array, position: number): Promise<void> => {
    for (let at = 0; at < into.length; ) {
      const { bytesRead } = await handle.read(into, at, into.length - at, position + at).catch((cause) => {
        throw failed(cause);
      });
      if (bytesRead === 0) throw new StoreError(`${path} ends at byte ${position + at}: it was cut while it was read.`);
      at += bytesRead;
    }
  };
  return {
    path,
    size,
    bytes: async (begin, end) => {
      if (end > size)
        throw new StoreError(`${path} has ${size} bytes, fewer than the ${end} that it needs (cut short?).`);
      const bytes = Buffer.allocUnsafe(end - begin);
      await fill(bytes, begin);
      return bytes;
    },
    numbers: async ({ shape, format, begin, end }) => {
      const out = new Float32Array(sizeOf(shape) ?? 0);
      const blocks = Math.floor(pieceBytes / format.blockBytes);
      const piece = Buffer.allocUnsafe(Math.min(blocks * format.blockBytes, end - begin));
      let at = 0;
      for (let position = begin; position < end; position += piece.length) {
        const part = piece.subarray(0, Math.min(piece.length, end - position));
        await fill(part, position);
        format.decode(part, out, at);
        at += (part.length / format.blockBytes) * format.blockLength;
      }
      return out;
    },
    close: async () => {
      await handle.close();
    },
  };
};

/** Throws `StoreError` when one of the numbers is not finite. */
export const requireFinite = (numbers: Float32Array, name: string, path: string): Float32Array => {
  for (let i = 0; i < numbers.length; i += 1)
    if (!Number.isFinite(numbers[i])) throw new StoreError(`${path}: ${name} holds numbers that are not finite.`);
  return numbers;
};
