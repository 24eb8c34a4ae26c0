import type { Attack, Outside } from "../escape.ts";
import { goalsOf, quoted, restored, thenRun } from "./goals.ts";

const MB = 1024 * 1024;
const mine = `import pyodide_js
M = pyodide_js._module; FS = M.FS
def text(s): return M.stringToNewUTF8(s)
`;

/** Emscripten's own functions and file systems. */
const emscripten = (outside: Outside): readonly (readonly [string, string])[] => {
  const goals = goalsOf(outside);
  const folder = outside.canary.slice(0, outside.canary.lastIndexOf("/"));
  const writable = outside.writable.slice(outside.writable.lastIndexOf("/") + 1);
  const mounted = (at: string, mount: string, then: string) =>
    `import os\nos.makedirs('${at}', exist_ok=True)\n${mount}\ntry: r = ${then}\nfinally: FS.unmount('${at}')\n'ESCAPED' if r else 'held'`;
  return [
    [
      "_emscripten_run_script_int",
      `'ESCAPED' if M._emscripten_run_script_int(text(${quoted(`Number(${goals.read})`)})) else 'held'`,
    ],
    ["_system", `'ESCAPED' if M._system(text(${quoted(`test -r ${outside.canary}`)})) == 0 else 'held'`],
    [
      "__emscripten_system",
      `'ESCAPED' if M.__emscripten_system(text(${quoted(`test -r ${outside.canary}`)})) == 0 else 'held'`,
    ],
    [
      "NODEFS",
      mounted(
        "/host1",
        `FS.mount(FS.filesystems.NODEFS, pyodide_js._api.config.constructor.fromEntries([['root', ${quoted(folder)}]]), '/host1')`,
        `open('/host1/canary.txt').read().startswith('canary')`,
      ),
    ],
    [
      "mountNodeFS",
      mounted(
        "/host2",
        `pyodide_js.mountNodeFS('/host2', ${quoted(folder)})`,
        `open('/host2/canary.txt').read().startswith('canary')`,
      ),
    ],
    [
      "mountNodeFS, to write",
      mounted(
        "/host3",
        `pyodide_js.mountNodeFS('/host3', ${quoted(folder)})`,
        `open('/host3/${writable}', 'w').write('x')`,
      ),
    ],
    [
      "mountNodeFS, a link in it",
      mounted(
        "/host4",
        `pyodide_js.mountNodeFS('/host4', ${quoted(folder)})`,
        `os.symlink('/etc', '/host4/${writable}-link') or os.unlink('/host4/${writable}-link') or True`,
      ),
    ],
    [
      "mountNodeFS of /proc, the environment of this process",
      mounted(
        "/host5",
        "pyodide_js.mountNodeFS('/host5', '/proc')",
        "b'canary' in open('/host5/self/environ', 'rb').read()",
      ),
    ],
    [
      "mountNodeFS of /proc, the parent",
      mounted(
        "/host6",
        "pyodide_js.mountNodeFS('/host6', '/proc')",
        `b'PATH=' in open('/host6/${outside.pid}/environ', 'rb').read()`,
      ),
    ],
    ["a function of the table", `F = M.wasmTable.get(1).constructor${thenRun(goals.environment)}`],
    [
      "the stream of standard input",
      `F = FS.streams[0].devops.stream.constructor.constructor${thenRun(goals.process)}`,
    ],
    ["the stream of standard output", `FS.streams[1].devops.stream.write('\\n{"value": "ESCAPED"}\\n')\n'held'`],
    ["console.log behind _emscripten_out", `M._emscripten_out(text('{"value": "ESCAPED"}'))\n'held'`],
    ["console.log behind _emscripten_console_log", `M._emscripten_console_log(text('{"value": "ESCAPED"}'))\n'held'`],
    ["a module that loadWebAssemblyModule links", `F = M.loadWebAssemblyModule.constructor${thenRun(goals.tcp)}`],
    [
      "a device with a function of JavaScript",
      `p = '/dev/held'
f = pyodide_js.runPython.constructor('c', ${quoted(`let n = 0; const s = String(${goals.read}); return () => n < s.length ? s.charCodeAt(n++) : null`)})
FS.createDevice('/dev', 'held', f())
'ESCAPED' if open(p).read() == 'true' else 'held'`,
    ],
    [
      "API.rawRun",
      `r = pyodide_js._api.rawRun(${quoted(`import pyodide_js\nF = pyodide_js.runPython.constructor${thenRun(goals.signal)}\nif run('true'): open('/tmp/raw', 'w').write('ESCAPED')`)})\nopen('/tmp/raw').read()`,
    ],
    [
      "runPython within a program",
      `pyodide_js.runPython(${quoted(`import pyodide_js\nF = pyodide_js.runPython.constructor${thenRun(goals.list)}`)})`,
    ],
    ["a library of a known path", `F = pyodide_js._api.loadDynlib.constructor.constructor${thenRun(goals.write)}`],
    ["a node of the file system", `F = FS.root.node_ops.lookup.constructor${thenRun(goals.read)}`],
  ].map(([name, code]) => [name ?? "", `${mine}${code}`] as const);
};

/** What Python reaches of the operating system without any bridge. */
const python = ({ canary }: Outside): readonly (readonly [string, string])[] => {
  const readable = quoted(`test -r ${canary}`);
  const fresh = (name: string) =>
    `import _imp, importlib.machinery as m\nfresh = _imp.create_builtin(m.ModuleSpec('${name}', None))\n`;
  const yes = (call: string) => `'ESCAPED' if ${call} == 0 else 'held'`;
  return [
    ["posix.system", `import posix\n${yes(`posix.system(${readable})`)}`],
    ["posix, made anew", `${fresh("posix")}${yes(`fresh.system(${readable})`)}`],
    [
      "system in gc.get_referents",
      `import gc, posix\nf = next(o for o in gc.get_referents(posix.__dict__) if getattr(o, '__name__', '') == 'system')\n${yes(`f(${readable})`)}`,
    ],
    ["os, loaded again", `import importlib, os\nos = importlib.reload(os)\n${yes(`os.system(${readable})`)}`],
    [
      "os of globals of a class",
      `w = next(c for c in object.__subclasses__() if c.__name__ == '_wrap_close')\n${yes(`w.__init__.__globals__['system'](${readable})`)}`,
    ],
    [
      "an interpreter within",
      `import _testcapi\n_testcapi.run_in_subinterp(${quoted(`import os\nif os.system(${readable}) == 0: open('/tmp/sub', 'w').write('ESCAPED')`)})\nopen('/tmp/sub').read()`,
    ],
    [
      "an interpreter within, with its configuration",
      `import _testinternalcapi as t\ni = t.create_interpreter()\ntry: t.exec_interpreter(i, ${quoted(`import os\nif os.system(${readable}) == 0: open('/tmp/sub2', 'w').write('ESCAPED')`)})\nexcept AttributeError: t.run_in_subinterp_with_config('', config={})\nopen('/tmp/sub2').read()`,
    ],
    [
      "_testcapi.run_stringflags",
      `import _testcapi\n_testcapi.run_stringflags(${quoted(`import posix\nif posix.system(${readable}) == 0: open('/tmp/flags', 'w').write('ESCAPED')`)}.encode(), 257, {})\nopen('/tmp/flags').read()`,
    ],
    [
      "a finaliser",
      `import posix; got = []\nclass D:\n    def __del__(self): got.append(posix.system(${readable}))\nD()\n${yes("got[0]")}`,
    ],
    [
      "a codec's error handler",
      `import codecs, posix; got = []\ncodecs.register_error('x', lambda e: got.append(posix.system(${readable})) or ('', e.end))\n'\\ud800'.encode('utf8', 'x')\n${yes("got[0]")}`,
    ],
    [
      "a pickle",
      `import pickle, posix\nclass P:\n    def __reduce__(self): return posix.system, (${readable},)\n${yes("pickle.loads(pickle.dumps(P()))")}`,
    ],
    [
      "a module of sys.path",
      `open('/tmp/attacker.py', 'w').write(${quoted(`import posix\nr = posix.system(${readable})`)})\nsys.path.insert(0, '/tmp')\nimport attacker\nsys.path.pop(0)\n${yes("attacker.r")}`,
    ],
    [
      "a zip on sys.path",
      `import zipfile\nwith zipfile.ZipFile('/tmp/a.zip', 'w') as z: z.writestr('zipped.py', ${quoted(`import posix\nr = posix.system(${readable})`)})\nsys.path.insert(0, '/tmp/a.zip')\nimport zipped\nsys.path.pop(0)\n${yes("zipped.r")}`,
    ],
    ["a command that writes a reply", `import posix\nposix.system('echo; echo \\'{"value": "ESCAPED"}\\'')\n'held'`],
  ];
};

/** Standard streams: what the parent writes for the next program, and what it takes for a reply. */
const streams: readonly (readonly [string, string])[] = [
  ["input()", "'ESCAPED' if 'canary' in input() else 'held'"],
  ["descriptor 0", "import os\n'ESCAPED' if b'canary' in os.read(0, 100) else 'held'"],
  ["/dev/stdin", "'ESCAPED' if b'canary' in open('/dev/stdin', 'rb', 0).read(100) else 'held'"],
  ["/proc/self/fd/0", "import os\n'ESCAPED' if b'canary' in os.read(os.dup(0), 100) else 'held'"],
  ["sys.__stdin__", "'ESCAPED' if 'canary' in sys.__stdin__.readline() else 'held'"],
  ["a reply that is printed", `print('\\n{"value": "ESCAPED"}', flush=True)\n'held'`],
  ["a reply on sys.__stdout__", `sys.__stdout__.write('\\n{"value": "ESCAPED"}\\n'); sys.__stdout__.flush()\n'held'`],
  ["a reply on descriptor 1", `import os\nos.write(1, b'\\n{"value": "ESCAPED"}\\n')\n'held'`],
  ["a reply on /dev/stdout", `open('/dev/stdout', 'wb', 0).write(b'\\n{"value": "ESCAPED"}\\n')\n'held'`],
  ["a reply on a copy of descriptor 1", `import os\nos.write(os.dup(1), b'\\n{"value": "ESCAPED"}\\n')\n'held'`],
  ["a reply in two writes", `import os\nos.write(1, b'\\n{"value": "ESC'); os.write(1, b'APED"}\\n')\n'held'`],
  ["a reply before a fault", `import os\nos.write(1, b'\\n{"value": "ESCAPED"}\\n')\n1 / 0`],
  [
    "a reply of faulthandler's file",
    `import os\nfor fd in range(1, 3):\n    try: os.write(fd, b'\\n{"value": "ESCAPED"}\\n')\n    except OSError: pass\n'held'`,
  ],
];

/** More memory than any program gets, out of sight of `bytearray`. */
const hoards: readonly (readonly [string, string])[] = [
  [
    "a file in /tmp",
    `with open('/tmp/hoard', 'wb') as f:\n    for _ in range(600): f.write(b'x' * ${MB})\nimport os\nn = os.path.getsize('/tmp/hoard'); os.unlink('/tmp/hoard')\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "a truncated file",
    `import os\nf = open('/tmp/hoard', 'wb'); f.truncate(600 * ${MB}); n = os.path.getsize('/tmp/hoard'); f.close(); os.unlink('/tmp/hoard')\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "many files",
    `import os\nfor i in range(60): open(f'/tmp/hoard{i}', 'wb').write(b'x' * ${10 * MB})\nn = sum(os.path.getsize(f'/tmp/hoard{i}') for i in range(60))\nfor i in range(60): os.unlink(f'/tmp/hoard{i}')\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "a file in the home",
    `import os\np = os.path.expanduser('~/hoard')\nwith open(p, 'wb') as f:\n    for _ in range(600): f.write(b'x' * ${MB})\nn = os.path.getsize(p); os.unlink(p)\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "/dev/shm",
    `import os\nwith open('/dev/shm/hoard', 'wb') as f:\n    for _ in range(600): f.write(b'x' * ${MB})\nn = os.path.getsize('/dev/shm/hoard'); os.unlink('/dev/shm/hoard')\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "a pipe",
    `import os\nr, w = os.pipe()\nn = sum(os.write(w, b'x' * ${MB}) for _ in range(600))\nos.close(r); os.close(w)\n'ESCAPED' if n == 600 * ${MB} else n`,
  ],
  [
    "a typed array",
    `import pyodide_js\na = pyodide_js._module.HEAPU8.constructor.new(600 * ${MB}); a.fill(1)\n'ESCAPED' if a.length == 600 * ${MB} else 'held'`,
  ],
  [
    "another memory of WebAssembly",
    `import pyodide_js\nm = pyodide_js._module.wasmTable.constructor.constructor('return new WebAssembly.Memory({ initial: 9600 })')()\n'ESCAPED' if m.buffer.byteLength == 600 * ${MB} else 'held'`,
  ],
  [
    "bytes of JavaScript",
    `from pyodide.ffi import to_js\na = [to_js(b'x' * ${10 * MB}) for _ in range(60)]\n'ESCAPED' if sum(len(x) for x in a) == 600 * ${MB} else 'held'`,
  ],
];

export const system = (outside: Outside): readonly Attack[] =>
  (
    [
      ["emscripten", emscripten(outside)],
      ["system", python(outside)],
      ["streams", streams],
      ["memory", hoards],
    ] as const
  ).flatMap(([group, attacks]) =>
    attacks.map(([name, code]) => ({ name: `${group}: ${name}`, code: `${restored}${code}` })),
  );
