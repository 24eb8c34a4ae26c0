import { CHILD_LIFELINE } from "./child-lifeline.ts";
import { PYODIDE_PYTHON } from "./pyodide-python.ts";
import { PYODIDE_SEAL } from "./pyodide-seal.ts";

/** Bytes of files, and of what is written to pipes, that a program may hold beside its memory, in megabytes. */
export const FILE_MEGABYTES = 64;

/**
 * The program of the child process, as text: it is given to Node with `--eval`, so that the child may read nothing but
 * Pyodide's own folder. One child runs one program. Pyodide is started, its module sealed, and everything else that
 * JavaScript has is taken away; only then is a program taken in.
 *
 * In: one line of JSON `{ code, outputLimit }`. Out: a line "ready", then as lines of JSON what the program prints, piece by
 * piece, and the result.
 */
export const PYODIDE_CHILD = String.raw`
import { randomFillSync } from "node:crypto";
import { closeSync, constants, readFileSync, readSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

// A program can see its interpreter's arguments: they name nothing of this machine.
const { folder, memoryMegabytes, lifeline, snapshot, make, packages, user } = JSON.parse(process.argv.splice(0, process.argv.length, "python", "python")[1]);
const mostBytes = memoryMegabytes * 2 ** 20;
const { pid } = process;
const { now } = performance;
const kill = process.kill.bind(process);
const clock = Object.freeze({ now: now.bind(performance) });
process.on("SIGUSR1", () => {});
// Pyodide asks for the numbers of open's flags by a way that is not permitted.
process.binding = () => ({ fs: constants });

${CHILD_LIFELINE}
const picture = snapshot === undefined ? undefined : readFileSync(snapshot).subarray(32);
if (snapshot !== undefined) closeSync(snapshot);
${PYODIDE_SEAL}
const { loadPyodide } = await import(pathToFileURL(folder + "/pyodide.mjs").href);
const output = { text: "", limit: 0, cut: false };
const take = (text) => {
  const room = output.limit - output.text.length;
  if (text.length > room) output.cut = true;
  if (room <= 0 || text === "") return;
  const piece = text.slice(0, room);
  output.text += piece;
  say(piece);
};
/** One line of JSON, whole. */
const say = (said) => {
  for (let bytes = new TextEncoder().encode(JSON.stringify(said) + "\n"), at = 0; at < bytes.length; ) {
    try { at += writeSync(1, bytes, at); } catch (error) { if (error.code !== "EAGAIN") break; }
  }
};
const python = await loadPyodide({
  jsglobals: Object.create(null),
  env: { HOME: "/home/pyodide" },
  stdin: () => null,
  stdout: take,
  stderr: take,
  ...(make ? { _makeSnapshot: true } : {}),
  ...(picture ? { _loadSnapshot: picture } : {}),
});
const { FS, _module } = python;
for (const [i, path] of packages.entries()) FS.writeFile("/packages" + i + ".zip", readFileSync(path));
if (snapshot === undefined && packages.length > 0) {
  const names = JSON.stringify(packages.map((_, i) => "/packages" + i + ".zip"));
  python.runPython("import sys; sys.path.extend(" + names + ")");
}
if (make) {
  // Imported now, they are in the picture: a program that imports them waits for nothing.
  if (packages.length > 0) python.runPython(${"`"}
import contextlib, importlib, sys, zipfile
for _zip in [path for path in sys.path if path.startswith("/packages")]:
    for _name in sorted({name.split("/")[0] for name in zipfile.ZipFile(_zip).namelist() if name.count("/") == 1 and name.endswith("/__init__.py")}):
        with contextlib.suppress(Exception):
            importlib.import_module(_name)
del _zip, _name
${"`"});
  const bytes = python.makeMemorySnapshot();
  await new Promise((done) => process.stdout.write(bytes, done));
  kill(pid, "SIGKILL");
}
const decoders = [new TextDecoder(), new TextDecoder()];
for (const [i, set] of [python.setStdout, python.setStderr].entries())
  set.call(python, { write: (bytes) => { take(decoders[i].decode(bytes, { stream: true })); return bytes.length; } });

// Files and pipes lie outside the memory that is capped above: what they hold is counted where it is stored.
let room = ${FILE_MEGABYTES} * 2 ** 20;
const hold = (bytes) => {
  if (bytes > room) throw new FS.ErrnoError(51);
  room -= bytes;
};
const { MEMFS } = FS.filesystems;
const store = MEMFS.stream_ops.write;
const stored = (stream, buffer, offset, length, position, own) => {
  const { node } = stream;
  const before = node.contents.length;
  if (position + length - before > room) throw new FS.ErrnoError(51);
  const written = store(stream, buffer, offset, length, position, own);
  room -= node.contents.length - before;
  return written;
};
MEMFS.stream_ops.write = MEMFS.ops_table.file.stream.write = stored;
const resize = MEMFS.resizeFileStorage;
MEMFS.resizeFileStorage = (node, size) => {
  const before = node.contents.length;
  if (size - before > room) throw new FS.ErrnoError(51);
  resize(node, size);
  room -= node.contents.length - before;
};
// What nobody can read any more is room again.
const nothing = new Uint8Array(0);
const forget = (node) => {
  if (node === undefined || !FS.isFile(node.mode) || FS.streams.some((stream) => stream?.node === node)) return;
  room += node.contents.length;
  node.contents = nothing;
  node.usedBytes = 0;
};
const folders = MEMFS.ops_table.dir.node;
const { unlink, rename } = folders;
folders.unlink = (parent, name) => {
  const node = parent.contents[name];
  unlink(parent, name);
  forget(node);
};
folders.rename = (node, folder, name) => {
  const replaced = folder.contents[name];
  rename(node, folder, name);
  if (replaced !== node) forget(replaced);
};
const read = FS.read;
FS.read = (stream, ...rest) => {
  const bytes = read(stream, ...rest);
  if (FS.isFIFO(stream.node.mode)) room += bytes;
  return bytes;
};
const write = FS.write;
FS.write = (stream, buffer, offset, length, position, own) => {
  if (FS.isFIFO(stream.node.mode)) hold(length);
  return write(stream, buffer, offset, length, position, own);
};
// A folder's entries are found by name: no name means anything to JavaScript.
const bare = (node) => {
  if (node.node_ops !== MEMFS.ops_table.dir.node) return;
  node.contents = Object.assign(Object.create(null), node.contents);
  for (const child of Object.values(node.contents)) bare(child);
};
bare(FS.root);
const createNode = MEMFS.createNode;
MEMFS.createNode = (parent, name, mode, dev) => {
  const node = createNode(parent, name, mode, dev);
  if (FS.isDir(node.mode)) node.contents = Object.create(null);
  return node;
};

python.runPython(${JSON.stringify(PYODIDE_PYTHON)});
// A program is handed over, and its result taken, by functions of C: no file and no descriptor that it could take away.
const EXPRESSION = 258;
const scope = _module._PyModule_GetDict(_module._PyImport_AddModule(_module.stringToNewUTF8("__main__")));
const textOf = (object, longest) => {
  const from = object === 0 ? 0 : _module._PyUnicode_AsUTF8(object);
  if (from === 0) throw new Error("it gave no result");
  const bytes = _module.HEAPU8.subarray(from, from + longest);
  const length = bytes.indexOf(0);
  if (length < 0) throw new RangeError("its result is too long");
  return new TextDecoder().decode(bytes.slice(0, length));
};
if (process.getuid?.() === 0 && user !== undefined) {
  process.setgroups([]);
  process.setgid(user);
  process.setuid(user);
}

// From here on nothing of Node is left, and nothing of JavaScript can be changed.
const kept = new Set(["Object", "Function", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined", "Boolean", "String",
  "Symbol", "Date", "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError",
  "URIError", "globalThis", "JSON", "Math", "Intl", "ArrayBuffer", "Atomics", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array",
  "Uint32Array", "Int32Array", "Float32Array", "Float64Array", "Uint8ClampedArray", "BigUint64Array", "BigInt64Array", "DataView", "Map",
  "BigInt", "Set", "WeakMap", "WeakSet", "WeakRef", "Proxy", "Reflect", "isFinite", "isNaN", "TextDecoder", "TextEncoder"]);
for (const name of Reflect.ownKeys(globalThis)) if (!kept.has(name)) delete globalThis[name];
globalThis.performance = clock;
const frozen = new Set();
const freeze = (value) => {
  if (value === null || (typeof value !== "object" && typeof value !== "function") || frozen.has(value)) return;
  frozen.add(value);
  const properties = Object.getOwnPropertyDescriptors(value);
  for (const key of Reflect.ownKeys(properties)) for (const part of ["value", "get", "set"]) freeze(properties[key][part]);
  freeze(Object.getPrototypeOf(value));
  Object.freeze(value);
};
freeze(globalThis);

const reply = (result) => {
  say({ stdout: output.text, ...result, truncated: output.cut || result.truncated === true });
  for (;;) kill(pid, "SIGKILL");
};

writeSync(1, "ready\n");
const request = (() => {
  const chunk = new Uint8Array(65536), decoder = new TextDecoder();
  for (let text = ""; ; ) {
    let n = 0;
    try { n = readSync(0, chunk); } catch (error) { if (error.code === "EAGAIN") continue; }
    if (n === 0) for (;;) kill(pid, "SIGKILL");
    text += decoder.decode(chunk.subarray(0, n), { stream: true });
    if (text.endsWith("\n")) return JSON.parse(text);
  }
})();
output.limit = request.outputLimit;
// A text of JSON is one of Python, too.
const command = _module.stringToNewUTF8("_run(" + JSON.stringify(request.code) + ", " + request.outputLimit + ")");
seal((error) => reply({ error }));
try {
  // As JSON writes it, a character takes at most twelve bytes.
  const text = textOf(_module._PyRun_String(command, EXPRESSION, scope, scope), 12 * request.outputLimit + 65_536);
  const { value, error, truncated } = JSON.parse(text);
  reply({ value, error, truncated });
} catch (error) {
  reply({ error: "The interpreter died: " + String(error?.message ?? error).slice(0, 300) });
}
`;
