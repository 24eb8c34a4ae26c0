import { ToolError } from "../errors.ts";

/** Kinds of buffers that libraries unpack into; their memory is none of the JavaScript heap, whose limit does not see it. */
const KINDS = [
  "ArrayBuffer",
  "Uint8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
] as const;

let left = Number.POSITIVE_INFINITY;
let installed = false;

const bytesOf = (made: unknown, first: unknown): number =>
  // A view of a buffer that is there takes nothing.
  first instanceof ArrayBuffer || !(made instanceof ArrayBuffer || ArrayBuffer.isView(made)) ? 0 : made.byteLength;

/**
 * Counts in this thread what is taken for buffers, and throws `ToolError` once it is more than allowed: a document of a
 * few kilobytes can unpack to gigabytes. Returns a function that allows a number of bytes anew.
 */
export const limitArrays = (): ((bytes: number) => void) => {
  if (!installed) {
    installed = true;
    const world = globalThis as Record<string, unknown>;
    // Native streams unpack where nobody counts; PDF.js has a way of its own.
    world.DecompressionStream = undefined;
    for (const kind of KINDS) {
      const Original = world[kind] as new (...values: readonly unknown[]) => object;
      world[kind] = new Proxy(Original, {
        construct: (target, values, self) => {
          const [first] = values as readonly unknown[];
          if (typeof first === "number" && first > left) throw new ToolError("It unpacks to more than can be read.");
          const made = Reflect.construct(target, values, self) as object;
          left -= bytesOf(made, first);
          if (left < 0) throw new ToolError("It unpacks to more than can be read.");
          return made;
        },
      });
    }
  }
  return (bytes) => {
    left = bytes;
  };
};
