import type { RunResult } from "../../../src/sandbox/index.ts";
import { isError, type Limit } from "../escape.ts";

/** The program's own reply, or its own error: nobody else's, and only text. */
const isProper = (result: RunResult): boolean =>
  Object.keys(result).every((key) => ["stdout", "value", "error", "milliseconds", "truncated"].includes(key)) &&
  typeof result.stdout === "string" &&
  ["string", "undefined"].includes(typeof result.value) &&
  ["string", "undefined"].includes(typeof result.error) &&
  result.stdout.length <= 16_384 &&
  (result.value ?? "").length <= 16_384 &&
  (result.error ?? "").length <= 16_384;

const gives =
  (value: string) =>
  (result: RunResult): boolean =>
    isProper(result) && result.value === value;
const endsInTime = (result: RunResult): boolean =>
  isProper(result) && result.milliseconds < 9000 && result.value !== "ESCAPED";
const isHeld = (result: RunResult): boolean => isProper(result) && result.value !== "ESCAPED";

const limit = (
  name: string,
  code: string,
  holds: Limit["holds"] = isProper,
  before: readonly string[] = [],
): Limit => ({
  name: `second set: ${name}`,
  code,
  holds,
  before,
});

/** Replies of every form, written to every descriptor that is open. */
const forgery = (form: string, count = 1) => `import os
for fd in range(64):
    try: os.write(fd, ${form} * ${count})
    except OSError: pass
`;

/** What a program says or is must not become the reply of the next one, nor stop whoever reads it. */
const protocol: readonly Limit[] = [
  limit("a second reply", "'mine'", gives("mine"), [`${forgery(`b'{"value":"theirs"}\\n'`)}'mine'`]),
  limit("twenty replies", "'mine'", gives("mine"), [
    `${forgery(`b'\\n{"stdout":"","value":"theirs","truncated":false}\\n'`, 20)}'mine'`,
  ]),
  limit("replies with numbers", "'mine'", gives("mine"), [
    `import os\nfor i in range(200):\n    for fd in (1, 2, 3, 4):\n        try: os.write(fd, f'{{"id":{i},"value":"theirs","done":true}}\\n'.encode())\n        except OSError: pass\n'mine'`,
  ]),
  limit("a reply behind its length", "'mine'", gives("mine"), [forgery(`b'\\x12\\x00\\x00\\x00{"value":"theirs"}'`)]),
  limit("half a reply", "'mine'", gives("mine"), [forgery(`b'{"value":"the'`)]),
  limit(
    "keys of prototypes",
    `${forgery(`b'{"__proto__":{"value":"ESCAPED"},"constructor":{"prototype":{"value":"ESCAPED"}}}\\n'`)}'mine'`,
    isHeld,
  ),
  limit("what keys of prototypes left", "'mine'", gives("mine"), [
    forgery(`b'{"__proto__":{"error":"theirs"},"value":1}\\n'`),
  ]),
  limit("a reply of 50 MB on every descriptor", forgery("b'x'", 50_000_000), endsInTime),
  limit("bytes that are not UTF-8", forgery("b'\\xff\\xfe\\xc0\\x80'")),
  limit("half a letter at the end of the output", "import os\nos.write(1, 'é'.encode()[:1]); 'x'"),
  limit("lone surrogates as the value", "'\\ud800'"),
  limit("lone surrogates in the output", "print('\\ud800')"),
  limit("lone surrogates in an error", "raise ValueError('\\ud800')"),
  limit("a NUL", "print('\\0'); '\\0'"),
  limit("an error of 10 MB", "raise ValueError('x' * 10_000_000)", isProper),
  limit("an error type with a long name", "raise type('x' * 1_000_000, (Exception,), {})"),
  limit("a deep group of exceptions", "e = ValueError()\nfor _ in range(3000): e = ExceptionGroup('', [e])\nraise e"),
  limit("a loop of causes", "a = ValueError(); b = ValueError(); a.__cause__ = b; b.__cause__ = a\nraise a"),
  limit(
    "an error whose text never ends",
    "class E(Exception):\n    def __str__(self):\n        while True: pass\nraise E",
    endsInTime,
  ),
  limit(
    "a value whose text never ends",
    "class V:\n    def __repr__(self):\n        while True: pass\nV()",
    endsInTime,
  ),
  limit("a value whose text fails", "class V:\n    def __repr__(self): raise BaseException('no')\nV()"),
  limit("a value whose text exits", "class V:\n    def __repr__(self): import os; os._exit(0)\nV()"),
  limit("a value whose text is not a string", "class V:\n    def __repr__(self): return 1\nV()"),
  limit(
    "a text that is not text",
    "class S(str):\n    def __str__(self): return 7\n    def encode(self, *a): return 7\n    def __len__(self): return -1\n    def __getitem__(self, i): return self\nS('x')",
  ),
  limit("a text that grows", "class S(str):\n    def __len__(self): return 1\nS('x' * 1_000_000)"),
  limit("a class that says it is str", "class S:\n    __class__ = str\nS()"),
  limit(
    "a mapping with keys of prototypes",
    `{'__proto__': {'error': 'x'}, 'constructor': 1, 'toString': 1, 'then': 1}`,
    ({ error }) => error === undefined,
  ),
  limit(
    "something to wait for",
    "class T:\n    def then(self, *a):\n        while True: pass\n    def __await__(self):\n        while True: pass\nT()",
    endsInTime,
  ),
  limit("a coroutine", "async def f():\n    while True: pass\nf()", endsInTime),
  limit("a number of a million digits", "10 ** 1_000_000"),
  limit("SystemExit", "raise SystemExit({'value': 'x'})"),
  limit("KeyboardInterrupt", "raise KeyboardInterrupt"),
  limit("GeneratorExit", "raise GeneratorExit"),
  limit("os._exit", "import os\nos._exit(0)", isError),
  limit("os.abort", "import os\nos.abort()", isError),
  limit(
    "closed descriptors",
    "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass\n'x'",
    endsInTime,
  ),
  limit(
    "closed descriptors, and no end",
    "import os\nfor fd in range(64):\n    try: os.close(fd)\n    except OSError: pass\nwhile True: pass",
    endsInTime,
  ),
  limit("streams that are gone", "import sys\nsys.stdout = sys.stderr = sys.stdin = None\n'x'"),
  limit(
    "streams that fail",
    "import sys\nclass F:\n    def write(self, *a): raise BaseException\n    flush = getvalue = write\nsys.stdout = sys.stderr = F()\nprint",
    isProper,
  ),
  limit(
    "streams that never end",
    "import sys\nclass F:\n    def write(self, *a):\n        while True: pass\n    flush = getvalue = write\nsys.stdout = sys.stderr = F()\n1",
    endsInTime,
  ),
  limit(
    "built-in functions that lie",
    "import builtins\nfor n in ('repr', 'str', 'print', 'len', 'type', 'isinstance', 'compile', 'exec', 'eval', 'open'): setattr(builtins, n, lambda *a, **k: 7)\n'x'",
  ),
  limit("json that lies", 'import json\njson.dumps = lambda *a, **k: \'{"value": {"a": 1}, "stdout": 7}\'\n\'x\''),
  limit(
    "json that never ends",
    "import json, time\ndef f(*a, **k):\n    while True: pass\njson.dumps = json.JSONEncoder.encode = f\n'x'",
    endsInTime,
  ),
  limit(
    "traceback that lies",
    "import traceback\nfor n in traceback.__all__: setattr(traceback, n, lambda *a, **k: 7)\n1 / 0",
  ),
  limit(
    "hooks that never end",
    "import sys\ndef f(*a):\n    while True: pass\nsys.excepthook = sys.unraisablehook = sys.displayhook = f\n1 / 0",
    endsInTime,
  ),
  limit("an audit hook that forbids all", "import sys\ndef f(*a): raise BaseException('no')\nsys.addaudithook(f)\n'x'"),
  limit(
    "a trace function that never ends",
    "import sys\ndef f(*a):\n    while True: pass\nsys.settrace(f); sys.setprofile(f)\n(lambda: 0)()",
    endsInTime,
  ),
  limit(
    "a reply from every frame",
    "import sys\nf = sys._getframe()\nwhile f:\n    for k in list(f.f_globals):\n        if callable(f.f_globals[k]): f.f_globals[k] = lambda *a, **k: {'value': {'x': 1}}\n    f = f.f_back\n'x'",
  ),
  limit("a program of 5 MB", `${"x = 1\n".repeat(800_000)}x`, endsInTime),
  limit("a program of deep brackets", `${"(".repeat(100_000)}${")".repeat(100_000)}`),
  limit("a program with a NUL", "'a\0b'"),
  limit("a program with a lone surrogate", "'\ud800'"),
  limit(
    "bytecode that is invalid",
    "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes(range(256)))\nf()",
    endsInTime,
  ),
];

/** Time that is spent where Python's own interrupts do not come. */
const time: readonly Limit[] = [
  limit("time in a regular expression", "import re\nre.match('(a+)+b', 'a' * 60)", endsInTime),
  limit("time in one power", "len(bin(3 ** 100_000_000))", endsInTime),
  limit("time in one factorial", "import math\nmath.factorial(10_000_000) > 0", endsInTime),
  limit("time in one list", "sum(range(10 ** 12))", endsInTime),
  limit("time in a finaliser", "class D:\n    def __del__(self):\n        while True: pass\nx = D()\n'x'", endsInTime),
  limit("time at the exit", "import atexit\ndef f():\n    while True: pass\natexit.register(f)\n'x'", endsInTime),
  limit(
    "time in a thread",
    "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f).start()\n'x'",
    endsInTime,
  ),
  limit(
    "time under a signal's handler",
    "import signal\nfor s in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):\n    try: signal.signal(s, lambda *a: None)\n    except (ValueError, OSError): pass\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass",
    endsInTime,
  ),
  limit(
    "time that catches all",
    "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    endsInTime,
  ),
  limit(
    "time in select",
    "import select, time\ntry: select.select([], [], [], 60)\nexcept OSError: time.sleep(60)",
    endsInTime,
  ),
  limit("time in a lock", "import threading\nl = threading.Lock(); l.acquire(); l.acquire()\n'ESCAPED'", endsInTime),
  limit(
    "time in an import",
    "open('/tmp/slow.py', 'w').write('while True: pass')\nimport sys; sys.path.insert(0, '/tmp')\nimport slow",
    endsInTime,
  ),
  limit(
    "time in the event loop",
    "import asyncio\nasyncio.get_event_loop_policy().new_event_loop().call_later(0, lambda: 1)\nwhile True: pass",
    endsInTime,
  ),
];

/** Too much of anything. */
const amount: readonly Limit[] = [
  limit("memory of texts", "x = []\nwhile True: x.append('é' * 10_000_000)", isError),
  limit("memory of numbers", "x = 1\nwhile True: x <<= 80_000_000", isError),
  limit("memory of lists", "x = []\nwhile True: x.append([None] * 1_000_000)", isError),
  limit("memory of objects", "x = []\nwhile True: x.append(object())", isError),
  limit("memory of arrays", "import array\nx = []\nwhile True: x.append(array.array('d', bytes(8_000_000)))", isError),
  limit("memory of frames", "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): f()\nf()", isError),
  limit(
    "memory of a compressed bomb",
    "import zlib\nb = zlib.compress(b'0' * 50_000_000)\nx = [zlib.decompress(b) for _ in range(40)]\nlen(x)",
    isError,
  ),
  limit("descriptors", "import os\nx = [os.open('/tmp', os.O_RDONLY) for _ in range(100_000)]\n'ESCAPED'", isHeld),
  limit("pipes", "import os\nx = [os.pipe() for _ in range(50_000)]\n'ESCAPED'", isHeld),
  limit("entries of a folder", "import os\nfor i in range(10_000_000): os.mkdir(f'/tmp/{i}')\n'ESCAPED'", isHeld),
  limit(
    "folders within folders",
    "import os\nos.chdir('/tmp')\nfor i in range(1_000_000): os.mkdir('x'); os.chdir('x')\n'ESCAPED'",
    isHeld,
  ),
  limit("links to oneself", "import os\nos.symlink('/tmp/l', '/tmp/l')\nopen('/tmp/l')", isError),
  limit(
    "an environment without end",
    "import os\nfor i in range(10_000_000): os.environ[str(i)] = 'x' * 1000\n'ESCAPED'",
    isHeld,
  ),
  limit(
    "threads",
    "import threading, time\nx = [threading.Thread(target=time.sleep, args=(60,), daemon=True) for _ in range(5000)]\nfor t in x: t.start()\n'ESCAPED'",
    isHeld,
  ),
  limit("output in small pieces", "while True: print('x' * 100)", endsInTime),
  limit("output without an end of line", "import sys\nwhile True: sys.stdout.write('x')", endsInTime),
];

/** What one program leaves is not there for the next. */
const left = (what: string, before: string, look: string): Limit =>
  limit(`left behind: ${what}`, look, gives("clean"), [before]);
const look = (condition: string) => `'found' if ${condition} else 'clean'`;
const leftovers: readonly Limit[] = [
  left("a file in /tmp", "open('/tmp/left', 'w').write('x')", `import os\n${look("os.path.exists('/tmp/left')")}`),
  left(
    "a file in the home",
    "import os\nopen(os.path.expanduser('~/left'), 'w').write('x')",
    `import os\n${look("os.path.exists(os.path.expanduser('~/left'))")}`,
  ),
  left(
    "a file in every folder that can be written",
    "import glob\nfor d in ['/'] + glob.glob('/*/') + glob.glob('/[!psu]*/*/'):\n    try: open(d + 'left', 'w').write('x')\n    except OSError: pass",
    `import glob\n${look("glob.glob('/left') + glob.glob('/*/left') + glob.glob('/[!psu]*/*/left')")}`,
  ),
  left(
    "a module",
    "import sys, types\nsys.modules['left'] = types.ModuleType('left')",
    `import sys\n${look("'left' in sys.modules")}`,
  ),
  left(
    "a changed function of a module",
    "import math\nmath.floor = lambda x: 'found'",
    `import math\n${look("math.floor(1.5) != 1")}`,
  ),
  left("a built-in", "import builtins\nbuiltins.left = 1", look("'left' in dir(__builtins__)")),
  left("a changed built-in", "import builtins\nbuiltins.sum = lambda *a: 7", look("sum([1, 2, 3]) != 6")),
  left("an environment variable", "import os\nos.environ['LEFT'] = 'x'", `import os\n${look("'LEFT' in os.environ")}`),
  left(
    "the working folder",
    "import os\nos.makedirs('/tmp/left', exist_ok=True); os.chdir('/tmp/left')",
    `import os\n${look("'left' in os.getcwd()")}`,
  ),
  left(
    "a finder of modules",
    "import sys\nclass F:\n    left = 1\n    def find_spec(self, *a): return None\nsys.meta_path.insert(0, F())",
    `import sys\n${look("any(hasattr(f, 'left') for f in sys.meta_path)")}`,
  ),
  left(
    "a codec",
    "import codecs\ncodecs.register_error('left', lambda e: ('', e.end))",
    `import codecs\ntry: codecs.lookup_error('left'); r = 'found'\nexcept LookupError: r = 'clean'\nr`,
  ),
  left(
    "an audit hook",
    "import sys\nsys.addaudithook(lambda e, a: (_ for _ in ()).throw(ValueError()) if e == 'left' else None)",
    "import sys\ntry: sys.audit('left'); r = 'clean'\nexcept ValueError: r = 'found'\nr",
  ),
  left(
    "a thread",
    "import threading, time\ntry: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError: pass",
    `import threading\n${look("threading.active_count() > 1")}`,
  ),
  left(
    "an open descriptor",
    "import os\nfd = os.open('/tmp/opened', os.O_CREAT | os.O_RDWR); os.dup2(fd, 50)",
    `import os\ntry: os.fstat(50); r = 'found'\nexcept OSError: r = 'clean'\nr`,
  ),
  left(
    "a recursion limit",
    "import sys\nsys.setrecursionlimit(123)",
    `import sys\n${look("sys.getrecursionlimit() == 123")}`,
  ),
  left(
    "a type's attribute",
    "import fractions\nfractions.Fraction.left = 1",
    `import fractions\n${look("hasattr(fractions.Fraction, 'left')")}`,
  ),
  left(
    "a standard module's source",
    "import os, json\ntry: open(json.__file__, 'a').write('left = 1')\nexcept OSError: pass",
    `import json\n${look("hasattr(json, 'left')")}`,
  ),
  left(
    "compiled code of a module",
    "import sys, os, py_compile\nopen('/tmp/statistics.py', 'w').write('left = 1'); sys.path.insert(0, '/tmp')",
    `import statistics\n${look("hasattr(statistics, 'left')")}`,
  ),
  left(
    "a random generator's seed",
    "import random\nrandom.seed(7)\nrandom.random()",
    `import random\n${look("random.random() in (0.32383276483316237, 0.15084917392450192)")}`,
  ),
  limit("what follows a program that crashed", "6 * 7", gives("42"), ["import os\nos._exit(3)"]),
  limit("what follows a program without end", "6 * 7", gives("42"), ["while True: pass"]),
  limit("what follows a program that took all memory", "6 * 7", gives("42"), [
    "x = []\nwhile True: x.append(bytearray(10_000_000))",
  ]),
  limit("what follows a fault of the interpreter", "6 * 7", gives("42"), [
    "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes(range(256)))\nf()",
  ]),
];

/** Limits that hold alike wherever Python runs. */
export const secondLimits: readonly Limit[] = [...protocol, ...time, ...amount, ...leftovers];
