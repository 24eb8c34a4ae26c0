import type { Door } from "./goals.ts";

/** The frame outside of all others, which is the runner's. */
const frames = (f: string) => `f = ${f}
while f.f_back: f = f.f_back
F = f.f_builtins['__import__']('pyodide_js').runPython.constructor`;

/** Objects that Python's own introspection finds, without a name of a module being looked up. */
export const collector: readonly Door[] = [
  {
    name: "a module in gc.get_objects",
    code: "import gc\nM = type(gc)\nm = next(o for o in gc.get_objects() if isinstance(o, M) and o.__name__ == 'pyodide.code')\nF = of(m.run_js)",
    goal: "read",
  },
  {
    name: "a dictionary in gc.get_objects",
    code: "import gc\nd = next(o for o in gc.get_objects() if isinstance(o, dict) and 'js' in o and 'pyodide_js' in o and not isinstance(o['js'], type(None)) and hasattr(o['pyodide_js'], 'runPython'))\nF = d['pyodide_js'].runPython.constructor",
    goal: "environment",
  },
  {
    name: "a function in gc.get_objects",
    code: "import gc\nf = next(o for o in gc.get_objects() if type(o) is type(lambda: 0) and o.__name__ == 'run_js')\nF = of(f)",
    goal: "write",
  },
  {
    name: "a finder in gc.get_objects",
    code: "import gc\nf = next(o for o in gc.get_objects() if type(o).__name__ == 'JsFinder')\nF = f.jsproxies['pyodide_js'].runPython.constructor",
    goal: "process",
  },
  {
    name: "a loader in gc.get_objects",
    code: "import gc\nl = next(o for o in gc.get_objects() if type(o).__name__ == 'JsLoader')\nF = l.jsproxy.constructor.constructor",
    goal: "tcp",
  },
  {
    name: "who refers to the type of proxies",
    code: "import gc\nt = [t for t in type.__subclasses__(object) if t.__name__ == 'JsProxy']\nd = next(r for k in t for r in gc.get_referrers(k) if isinstance(r, dict) and r.get('__name__') == 'pyodide.ffi')\nF = d['create_proxy'](len).constructor.constructor",
    goal: "signal",
  },
  {
    name: "what sys.meta_path refers to",
    code: `import gc
seen, todo = set(), [sys.meta_path]
while todo:
    o = todo.pop(0)
    if type(o).__name__ == 'JsProxy' and hasattr(o, 'constructor'): break
    if id(o) not in seen: seen.add(id(o)); todo += gc.get_referents(o)
F = o.constructor.constructor`,
    goal: "list",
  },
  {
    name: "a built-in function in gc.get_referents",
    code: "import gc, _pyodide_core\nf = next(o for o in gc.get_referents(_pyodide_core.__dict__) if getattr(o, '__name__', '') == 'create_proxy')\nF = f(len).constructor.constructor",
    goal: "script",
  },
];

export const framed: readonly Door[] = [
  { name: "sys._getframe", code: frames("sys._getframe()"), goal: "read" },
  {
    name: "the frame of a traceback",
    code: `try: 1 / 0\nexcept Exception as e: t = e.__traceback__\n${frames("t.tb_frame")}`,
    goal: "environment",
  },
  {
    name: "a generator's frame",
    code: `def g(): yield f.gi_frame.f_back\nf = g()\n${frames("next(f)")}`,
    goal: "write",
  },
  {
    name: "sys._current_frames",
    code: frames("next(iter(sys._current_frames().values()))"),
    goal: "process",
  },
  { name: "inspect.stack", code: `import inspect\n${frames("inspect.stack()[0].frame")}`, goal: "tcp" },
  {
    name: "a trace function",
    code: `got = []\nsys.settrace(lambda f, *_: got.append(f))\n(lambda: 0)()\nsys.settrace(None)\n${frames("got[0]")}`,
    goal: "signal",
  },
  {
    name: "a profile function",
    code: `got = []\nsys.setprofile(lambda f, *_: got.append(f))\nlen('')\nsys.setprofile(None)\n${frames("got[0]")}`,
    goal: "list",
  },
  {
    name: "sys.monitoring",
    code: `m = sys.monitoring; got = []
m.use_tool_id(3, 'x'); m.register_callback(3, m.events.CALL, lambda *_: got.append(sys._getframe())); m.set_events(3, m.events.CALL)
len('')
m.set_events(3, 0); m.free_tool_id(3)
${frames("got[0]")}`,
    goal: "global",
  },
  {
    name: "an audit hook",
    code: `got = []\nsys.addaudithook(lambda *_: got or (got.append(0), got.append(sys._getframe())))\ncompile('1', '', 'eval')\n${frames("got[1]")}`,
    goal: "udp",
  },
  {
    name: "a warning that is shown",
    code: `import warnings; got = []\nwarnings.showwarning = lambda *_, **k: got.append(sys._getframe())\nwith warnings.catch_warnings():\n    warnings.simplefilter('always'); warnings.showwarning = lambda *a, **k: got.append(sys._getframe()); warnings.warn('x')\n${frames("got[0]")}`,
    goal: "path",
  },
];

export const closures: readonly Door[] = [
  {
    name: "globals of a function of json",
    code: "import json\nF = json.dumps.__globals__['__builtins__']['__import__']('pyodide_js').runPython.constructor",
    goal: "read",
  },
  {
    name: "globals of eval_code",
    code: "from pyodide.code import eval_code\nF = eval_code.__globals__['sys'].modules['pyodide_js'].runPython.constructor if 'sys' in eval_code.__globals__ else eval_code.__globals__['__builtins__']['__import__']('pyodide_js').runPython.constructor",
    goal: "environment",
  },
  {
    name: "subclasses of object",
    code: "w = next(c for c in object.__subclasses__() if c.__name__ == '_wrap_close')\nF = w.__init__.__globals__['__builtins__']['__import__']('pyodide_js').runPython.constructor",
    goal: "write",
  },
  {
    name: "a subclass of the finders",
    code: "from importlib.abc import MetaPathFinder\nj = next(c for c in MetaPathFinder.__subclasses__() if c.__name__ == 'JsFinder')\nF = j.find_spec.__globals__['jsfinder'].jsproxies['pyodide_js'].runPython.constructor",
    goal: "process",
  },
  {
    name: "globals of the loop's call_later",
    code: "import asyncio\nF = asyncio.get_event_loop().call_later.__func__.__globals__['scheduleCallback'].constructor",
    goal: "tcp",
  },
  {
    name: "the original of a cached function",
    code: "import pyodide.code as c\nF = of(c._relaxed_call_sig_cached.__wrapped__.__globals__['run_js'])",
    goal: "signal",
  },
  {
    name: "site's exit",
    code: "import _sitebuiltins as s\nF = s.Quitter.__call__.__globals__['__builtins__']['__import__']('pyodide_js').runPython.constructor",
    goal: "list",
  },
  {
    name: "the method of a module's own type",
    code: "import types, pyodide.code\nF = of(types.ModuleType.__getattribute__(pyodide.code, 'run_js'))",
    goal: "script",
  },
];
