import { WASI_DESCRIPTORS } from "./wasi-descriptors.ts";

/**
 * All that a WASI program can reach, as JavaScript text for the child process: files in memory, the clock, randomness, a
 * text to read and two streams to write. Nothing in it opens a file, a socket or a process of the machine. Functions of
 * WASI preview 1 take numbers and pointers, write their answer to the program's memory and return an error number. What
 * is not there (links, sockets) answers so.
 *
 * Text that follows it can call `worldOf({ args, env, files, outputs, input, output, end })`: `input()` gives the next bytes of the
 * standard input, none at its end; `output(descriptor, bytes)` gets what the program writes to one of `outputs`; `end(why)`, with an exit code
 * or an error, must not return. The world's `memory` is to be set once the module is instantiated.
 */
export const WASI_WORLD = String.raw`
${WASI_DESCRIPTORS}
const memoryOf = (world) => {
  // The memory moves when it grows, so nothing of it is kept. A pointer out of it is a RangeError.
  const bytesAt = (pointer, length) => new Uint8Array(world.memory.buffer, pointer >>> 0, length >>> 0);
  const view = () => new DataView(world.memory.buffer);
  const put8 = (pointer, value) => view().setUint8(pointer >>> 0, value);
  const put16 = (pointer, value) => view().setUint16(pointer >>> 0, value, true);
  const put32 = (pointer, value) => view().setUint32(pointer >>> 0, value, true);
  const put64 = (pointer, value) => view().setBigUint64(pointer >>> 0, BigInt(value), true);
  const get32 = (pointer) => view().getUint32(pointer >>> 0, true);
  const buffersAt = function* (list, count) {
    for (let i = 0; i < count >>> 0; i += 1) yield bytesAt(get32(list + 8 * i), get32(list + 8 * i + 4));
  };
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const pathAt = (pointer, length) => {
    if (length >>> 0 > LONGEST_PATH) fail(NAMETOOLONG);
    const bytes = bytesAt(pointer, length);
    try {
      return decoder.decode(bytes);
    } catch {
      return fail(INVAL);
    }
  };
  return { bytesAt, view, put8, put16, put32, put64, get32, buffersAt, pathAt };
};

const worldOf = ({ args, env, files, outputs, input, output, end }) => {
  const world = { memory: undefined, imports: {} };
  const memory = memoryOf(world);
  const { bytesAt, view, put8, put32, put64, get32 } = memory;
  const encoder = new TextEncoder();

  const { now: tick } = performance;
  const monotonic = () => BigInt(Math.round(tick.call(performance) * 1e6));
  const timeOf = (clock) => clock === 0 ? now() : clock <= 3 ? monotonic() : fail(INVAL);
  const pause = new Int32Array(new SharedArrayBuffer(4));

  const texts = (list, pointers, bytes) => {
    for (const text of list) {
      put32(pointers, bytes);
      const encoded = encoder.encode(text + "\0");
      bytesAt(bytes, encoded.length).set(encoded);
      pointers += 4;
      bytes += encoded.length;
    }
    return 0;
  };
  const textSizes = (list, count, bytes) => {
    put32(count, list.length);
    put32(bytes, encoder.encode(list.map((text) => text + "\0").join("")).length);
    return 0;
  };
  const absent = () => NOTSUP;

  const functions = {
    args_sizes_get: (count, bytes) => textSizes(args, count, bytes),
    args_get: (pointers, bytes) => texts(args, pointers, bytes),
    environ_sizes_get: (count, bytes) => textSizes(env, count, bytes),
    environ_get: (pointers, bytes) => texts(env, pointers, bytes),
    random_get: (pointer, length) => { randomFillSync(bytesAt(pointer, length)); return 0; },
    clock_time_get: (clock, _precision, pointer) => { put64(pointer, timeOf(clock)); return 0; },
    clock_res_get: (clock, pointer) => { timeOf(clock); put64(pointer, 1_000_000); return 0; },
    sched_yield: () => 0,
    proc_exit: (code) => end(code),
    /** Sleeps until the first of the times; files are always ready. */
    poll_oneoff: (subscriptions, events, count, happened) => {
      if (count === 0 || count >>> 0 > MOST_DESCRIPTORS) fail(INVAL);
      const asked = Array.from({ length: count }, (_, i) => {
        const at = (subscriptions >>> 0) + 48 * i;
        const [who, until] = [view().getBigUint64(at, true), view().getBigUint64(at + 24, true)];
        const kind = view().getUint8(at + 8);
        const absolute = (view().getUint16(at + 40, true) & 1) !== 0;
        const left = kind !== 0 ? 0n : absolute ? until - timeOf(get32(at + 16)) : until;
        return { kind, who, left: left > 0n ? left : 0n };
      });
      const least = asked.reduce((a, { left }) => left < a ? left : a, asked[0].left);
      if (least > 0n) Atomics.wait(pause, 0, 0, Number(least) / 1e6);
      const due = asked.filter(({ left }) => left === least);
      for (const [i, { kind, who }] of due.entries()) {
        const at = (events >>> 0) + 32 * i;
        bytesAt(at, 32).fill(0);
        put64(at, who);
        put8(at + 10, kind);
        if (kind !== 0) put64(at + 16, 1);
      }
      put32(happened, due.length);
      return 0;
    },

    ...descriptorsOf({ memory, files, outputs, input, output }),
    sock_accept: absent,
    sock_recv: absent,
    sock_send: absent,
    sock_shutdown: absent,
  };

  // A refusal and a bad pointer are numbers. Nothing that is thrown gets into the program, which might catch it.
  for (const [name, answer] of Object.entries(functions))
    world.imports[name] = (...given) => {
      try {
        return answer(...given);
      } catch (error) {
        return error instanceof Errno ? error.number : error instanceof RangeError ? FAULT : end(error);
      }
    };
  return world;
};
`;
