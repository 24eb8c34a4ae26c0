import { CHILD_LIFELINE } from "./child-lifeline.ts";
import { PYTHON_RESULT } from "./python-result.ts";
import { WASI_WORLD } from "./wasi-world.ts";

/** Bytes of files that a program may hold beside its memory, in megabytes. */
export const WASI_FILE_MEGABYTES = 64;

/** Where the interpreter looks for its library: a zip file. */
const LIBRARY = "/usr/local/lib/python315.zip";

/** The descriptor that the result is written to. A program cannot close it. */
const RESULT = 1000;

/** What Python runs first. It starts, asks for a line of input, and that line brings its program. */
const PYTHON = `${PYTHON_RESULT}
def _serve():
    import json, os, sys
    sys.path.extend(sys.argv[1:])
    sys.argv[:], sys.orig_argv[:] = [""], []
    run, write = _make_run(), os.write
    request = json.loads(sys.stdin.readline())
    write(${RESULT}, run(request["code"], request["outputLimit"]).encode())
_serve()
`;

/**
 * The program of the child process, as text, given to Node with `--eval`. One child runs one program: it compiles the
 * module, starts Python in a world that it has made (`wasi-world.ts`) and takes a program in when Python asks for its
 * input. The module imports that world and one call to its host, which is refused, and nothing else.
 *
 * In: one line of JSON `{ code, outputLimit }`. Out: a line "ready", then as lines of JSON what the program prints, piece by
 * piece, and the result.
 */
export const WASI_CHILD = String.raw`
import { randomFillSync } from "node:crypto";
import { fstatSync, readSync, writeSync } from "node:fs";

const { module: moduleFile, library, lifeline, packages, user } = JSON.parse(process.argv.at(-1));
process.on("SIGUSR1", () => {});
${CHILD_LIFELINE}
${WASI_WORLD}
const encoder = new TextEncoder();
/** Others read the same open file: each says where. */
const wholeOf = (descriptor) => {
  const bytes = new Uint8Array(fstatSync(descriptor).size);
  for (let at = 0, n = 1; at < bytes.length && n > 0; at += n) n = readSync(descriptor, bytes, at, bytes.length - at, at);
  return bytes;
};

const text = { kept: "", limit: 0, cut: false };
const take = (more) => {
  const room = text.limit - text.kept.length;
  if (more.length > room) text.cut = true;
  if (room <= 0 || more === "") return;
  const piece = more.slice(0, room);
  text.kept += piece;
  say(piece);
};
/** One line of JSON, whole. */
const say = (said) => {
  for (let bytes = encoder.encode(JSON.stringify(said) + "\n"), at = 0; at < bytes.length; ) {
    try { at += writeSync(1, bytes, at); } catch (error) { if (error.code !== "EAGAIN") break; }
  }
};
const decoders = [1, 2].map(() => new TextDecoder());

const end = (error, more = {}) => {
  say({ stdout: text.kept, error, ...more, truncated: text.cut || more.truncated === true });
  for (;;) process.kill(process.pid, "SIGKILL");
};
const requested = () => {
  writeSync(1, "ready\n");
  const chunk = new Uint8Array(65536), decoder = new TextDecoder();
  for (let line = ""; ; ) {
    let n = -1;
    try { n = readSync(0, chunk); } catch (error) { if (error.code !== "EAGAIN") n = 0; }
    if (n === 0) for (;;) process.kill(process.pid, "SIGKILL");
    if (n > 0) line += decoder.decode(chunk.subarray(0, n), { stream: true });
    if (line.endsWith("\n")) return JSON.parse(line);
  }
};

const files = filesOf(${WASI_FILE_MEGABYTES} * 2 ** 20);
files.putFolder("/home");
files.putFolder("/tmp");
files.putDevice("/dev/null");
files.putReadable(${JSON.stringify(LIBRARY)}, fstatSync(library).size, (into, at) => readSync(library, into, 0, into.length, at));
const zips = packages.map((path, i) => {
  const name = "/packages" + i + ".zip";
  files.putReadable(name, fstatSync(path).size, (into, at) => readSync(path, into, 0, into.length, at));
  return name;
});
let asked = false, longest;
const result = [];
const keep = (bytes) => {
  longest -= bytes.length;
  if (longest < 0) end("The interpreter died: its result is too long.");
  result.push(bytes.slice());
};

const world = worldOf({
  args: ["python", "-I", "-c", ${JSON.stringify(PYTHON)}, ...zips],
  env: ["HOME=/home", "TMPDIR=/tmp", "PYTHONTZPATH="],
  files,
  outputs: [1, 2, ${RESULT}],
  input: () => {
    if (asked) return new Uint8Array(0);
    const request = requested();
    asked = true;
    text.limit = request.outputLimit;
    // As JSON writes it, a character takes at most twelve bytes.
    longest = 12 * text.limit + 65_536;
    return encoder.encode(JSON.stringify(request) + "\n");
  },
  output: (descriptor, bytes) => descriptor === ${RESULT} ? keep(bytes) : take(decoders[descriptor - 1].decode(bytes, { stream: true })),
  end: (why) => end(why instanceof Error ? "The interpreter died: " + why.message.slice(0, 300) : "The program ended its interpreter."),
});

const module = new WebAssembly.Module(wholeOf(moduleFile));
if (process.getuid?.() === 0 && user !== undefined) {
  process.setgroups([]);
  process.setgid(user);
  process.setuid(user);
}
// The one call to the host: there is nobody.
const { exports } = new WebAssembly.Instance(module, { wasi_snapshot_preview1: world.imports, host: { call: () => -1 } });
world.memory = exports.memory;
try {
  exports.run();
  if (result.length === 0) throw new Error("it gave no result");
  const { value, error, truncated } = JSON.parse(new TextDecoder().decode(Buffer.concat(result)));
  if (typeof truncated !== "boolean") throw new Error("it gave no result that can be read");
  end(error, { value, truncated });
} catch (error) {
  end("The interpreter died: " + String(error?.message ?? error).slice(0, 300));
}
`;
