/**
 * The program of the child process, as text: it is given to Node with `--eval`, so that the child may read nothing but
 * Pyodide's own folder. One child runs one program. Before Pyodide is loaded everything is taken away that could reach
 * out: sockets, `fetch`, `process.binding`; memory is capped; Python's way to JavaScript gets an empty world.
 *
 * In: one line of JSON `{ code, outputLimit }`. Out: a line "ready", then one line of JSON with the result.
 */
export const PYODIDE_CHILD = String.raw`
const FILE_MEGABYTES = 64;
import { createRequire, syncBuiltinESMExports } from "node:module";
import { pathToFileURL } from "node:url";

const { folder, memoryMegabytes, snapshot, make, packages } = JSON.parse(process.argv[1]);
const write = process.stdout.write.bind(process.stdout);
const exit = process.exit.bind(process);
const stdin = process.stdin;
const require = createRequire(pathToFileURL(folder + "/package.json"));
const fs = require("node:fs");
const readFileSync = fs.readFileSync;

// What a program must not have is gone before its interpreter is there.
const refuse = () => { throw new Error("This is not available in the sandbox."); };
const net = require("node:net");
net.Socket.prototype.connect = refuse;
net.Server.prototype.listen = refuse;
require("node:dgram").createSocket = refuse;
for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]) require("node:child_process")[name] = refuse;
for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) require("node:dns")[name] = refuse;
require("node:worker_threads").Worker = refuse;
for (const name of ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"]) Object.defineProperty(globalThis, name, { value: refuse });
process.binding = () => ({ fs: fs.constants });
process.dlopen = refuse;
process.kill = refuse;
syncBuiltinESMExports();
const pages = memoryMegabytes * 16;
const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (more) {
  if (this.buffer.byteLength / 65536 + more > pages) throw new RangeError("out of memory");
  return grow.call(this, more);
};

const picture = snapshot ? readFileSync(snapshot) : undefined;
if (picture) {
  // A picture with packages is larger than the memory that Pyodide begins with.
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (...args) => {
    const result = await instantiate(...args);
    const memory = result.instance?.exports.memory;
    const more = memory ? Math.ceil((picture.length - memory.buffer.byteLength) / 65536) : 0;
    if (more > 0) memory.grow(more);
    return result;
  };
}
const { loadPyodide } = await import(pathToFileURL(folder + "/pyodide.mjs").href);
const output = { text: "", limit: 0, cut: false };
const take = (text) => {
  const room = output.limit - output.text.length;
  if (text.length > room) output.cut = true;
  if (room > 0) output.text += text.slice(0, room);
};
const decoders = [new TextDecoder(), new TextDecoder()];
const python = await loadPyodide({
  jsglobals: Object.create(null),
  env: { HOME: "/home/pyodide" },
  stdin: () => null,
  ...(make ? { _makeSnapshot: true } : {}),
  ...(picture ? { _loadSnapshot: picture } : {}),
});
// Files and pipes lie outside the memory that is capped above: what they hold is counted.
let room = FILE_MEGABYTES * 2 ** 20;
const { FS } = python;
const hold = (bytes) => {
  if (bytes > room) throw new FS.ErrnoError(51);
  room -= bytes;
};
const writeTo = FS.write;
FS.write = (stream, buffer, offset, length, position, own) => {
  const { node, flags } = stream;
  const at = flags & 1024 ? node.usedBytes : position ?? stream.position;
  if (FS.isFile(node.mode)) hold(Math.max(0, at + length - node.usedBytes));
  else if (FS.isFIFO(node.mode)) hold(length);
  return writeTo(stream, buffer, offset, length, position, own);
};
const file = FS.filesystems.MEMFS.ops_table.file.node;
const setAttributes = file.setattr;
file.setattr = (node, attributes) => {
  if (attributes.size !== undefined) hold(attributes.size - node.usedBytes);
  return setAttributes(node, attributes);
};
for (const [i, path] of packages.entries()) FS.writeFile("/packages" + i + ".zip", readFileSync(path));
if (!snapshot && packages.length > 0) {
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
  exit(0);
}
for (const [i, set] of [python.setStdout, python.setStderr].entries())
  set.call(python, { write: (bytes) => { take(decoders[i].decode(bytes, { stream: true })); return bytes.length; } });
// Hygiene: what would fail anyway fails at once and by its name.
python.runPython(${"`"}
import os, sys
def _refuse(*args, **kwargs):
    raise PermissionError("not available in the sandbox")
for _name in ("system", "popen", "fork", "execv", "execve", "kill"):
    if hasattr(os, _name):
        setattr(os, _name, _refuse)
for _name in ("js", "pyodide_js", "_pyodide_core", "ctypes", "_ctypes", "socket", "_socket"):
    sys.modules[_name] = None
for _name in [n for n in sys.modules if n == "pyodide" or n.startswith("pyodide.") or n.startswith("_pyodide")]:
    sys.modules[_name] = None
sys.setrecursionlimit(800)
del _refuse, _name
${"`"});
const run = python.runPython(${"`"}
def _make():
    import ast, io, sys, traceback
    def run(code):
        scope = {"__name__": "__main__", "__builtins__": __builtins__}
        try:
            tree = ast.parse(code, "<program>")
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<program>", "exec"), scope)
            value = None
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<program>", "eval"), scope)
            return ("value", None if value is None else str(value) if isinstance(value, str) else repr(value))
        except SystemExit as end:
            return ("value", None) if end.code in (None, 0) else ("error", "SystemExit: " + str(end.code))
        except BaseException as error:
            lines = traceback.format_exception_only(type(error), error)
            where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "<program>"]
            line = " (line %d)" % where[-1].lineno if where else ""
            return ("error", "".join(lines).strip()[-2000:] + line)
        finally:
            sys.stdout.flush(); sys.stderr.flush()
    return run
_make()
${"`"});

write("ready\n");
let text = "";
for await (const chunk of stdin) {
  text += chunk;
  if (text.includes("\n")) break;
}
const { code, outputLimit } = JSON.parse(text);
output.limit = outputLimit;
const begun = performance.now();
let result;
try {
  const pair = run(code);
  const [kind, said] = pair.toJs();
  pair.destroy();
  const whole = said ?? undefined;
  const kept = whole?.slice(0, outputLimit);
  if (kept !== whole) output.cut = true;
  result = { [kind]: kept };
} catch (error) {
  result = { error: "The interpreter died: " + String(error?.message ?? error).slice(0, 300) };
}
const milliseconds = performance.now() - begun;
await new Promise((done) => write(JSON.stringify({ stdout: output.text, ...result, milliseconds, truncated: output.cut }) + "\n", done));
exit(0);
`;
