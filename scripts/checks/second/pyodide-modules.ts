import type { Door } from "./goals.ts";

const module = (name: string, code: string, goal: Door["goal"]): Door => ({ name, code, goal });

/** Modules that come back once their None is gone, and what of JavaScript hangs on them. */
export const modules: readonly Door[] = [
  module("a function of pyodide_js", "import pyodide_js\nF = pyodide_js.runPython.constructor", "read"),
  module("jsglobals", "import pyodide_js\nF = pyodide_js._api.config.jsglobals.Function", "environment"),
  module("_module's constructor", "import pyodide_js\nF = pyodide_js._module.constructor.constructor", "write"),
  module(
    "import_module",
    "import importlib\nF = importlib.import_module('pyodide_js').runPython.constructor",
    "process",
  ),
  module(
    "importlib's bootstrap",
    "import importlib._bootstrap as b\nF = b._gcd_import('pyodide_js').runPython.constructor",
    "tcp",
  ),
  module(
    "a finder of sys.meta_path",
    "f = next(f for f in sys.meta_path if hasattr(f, 'jsproxies'))\nF = f.jsproxies['pyodide_js'].runPython.constructor",
    "read",
  ),
  module(
    "a specification of that finder",
    "f = next(f for f in sys.meta_path if hasattr(f, 'jsproxies'))\nF = f.find_spec('pyodide_js', None).loader.create_module(None).runPython.constructor",
    "signal",
  ),
  module("run_js", "from pyodide.code import run_js\nF = of(run_js)", "script"),
  module("the private run_js", "from pyodide._run_js import run_js\nF = of(run_js)", "environment"),
  module(
    "pyodide.code, loaded again",
    "import importlib, pyodide.code\nF = of(importlib.reload(pyodide.code).run_js)",
    "list",
  ),
  module(
    "a name that pkgutil resolves",
    "import pkgutil\nF = pkgutil.resolve_name('pyodide_js:runPython.constructor')",
    "read",
  ),
  module(
    "the state that pyodide saves",
    "import pyodide._state as s\nF = s.save_state()['js_modules']['pyodide_js'].runPython.constructor",
    "udp",
  ),
  module(
    "timers of pyodide.ffi.wrappers",
    "import pyodide.ffi.wrappers as w\nF = getattr(w, 'setTimeout', None).constructor",
    "inspector",
  ),
  module("the event loop's callback", "import pyodide.webloop as w\nF = w.scheduleCallback.constructor", "thread"),
  module(
    "the package loader",
    "import pyodide._package_loader as p\nF = p.loadedPackages.constructor.constructor",
    "path",
  ),
  module(
    "a core that is made anew",
    `import _imp, importlib.machinery as m
core = _imp.create_builtin(m.ModuleSpec('_pyodide_core', None))
F = core.create_proxy(len).constructor.constructor`,
    "global",
  ),
  module(
    "a proxy of the core",
    "import _pyodide_core as c\nF = c.create_proxy(len).constructor.constructor",
    "webassembly",
  ),
  module("a converter", "from pyodide.ffi import to_js\nF = to_js([]).constructor.constructor", "shared"),
  module("an object of to_js", "from pyodide.ffi import to_js\nF = to_js({}).constructor.constructor", "memory"),
  module(
    "the hook of imports",
    "import _pyodide._importhook as h\nF = h.jsfinder.jsproxies['pyodide_js']._api.config.constructor.constructor",
    "read",
  ),
  module(
    "a future of the loop",
    "from pyodide.webloop import PyodideFuture\nF = PyodideFuture.then.__globals__['scheduleCallback'].constructor",
    "write",
  ),
  module("runpy", "import runpy\nF = of(runpy.run_module('pyodide.code')['run_js'])", "environment"),
  module(
    "a module that is executed by hand",
    `import importlib.util as u
s = u.find_spec('pyodide.code'); m = u.module_from_spec(s); s.loader.exec_module(m)
F = of(m.run_js)`,
    "tcp",
  ),
  module(
    "an asynchronous constructor",
    "import pyodide_js\nF = pyodide_js.runPythonAsync.constructor('return 1').constructor",
    "process",
  ),
];
