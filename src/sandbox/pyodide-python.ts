import { PYTHON_RESULT } from "./python-result.ts";

/**
 * Python's half of the child process, run once Pyodide has started: it puts back what Pyodide replaced by ways to
 * JavaScript, so that programs find plain Python, and defines `_run`, which runs a program and gives what came of
 * it as JSON. It keeps nothing out: the seal of the module does.
 */
export const PYODIDE_PYTHON = `
def _start():
    import asyncio, asyncio.base_events, asyncio.events, asyncio.runners, gc, os, sys, time
    webloop = sys.modules["pyodide.webloop"]
    time.sleep, asyncio.run = webloop._orig_sleep, webloop._orig_run

    class Waiting:
        def select(self, timeout):
            time.sleep(timeout or 0)
            return []

    class Loop(asyncio.base_events.BaseEventLoop):
        "An event loop without sockets: tasks and timers."
        _selector = Waiting()
        def _process_events(self, events): pass
        def _write_to_self(self): pass

    class Policy(asyncio.events._BaseDefaultEventLoopPolicy):
        _loop_factory = Loop

    asyncio.events._set_running_loop(None)
    asyncio.events._event_loop_policy = Policy()
    # What would fail anyway fails at once and by its name.
    def refuse(*args, **kwargs):
        raise PermissionError("not available in the sandbox")
    for name in ("system", "popen", "fork", "execv", "execve", "kill"):
        if hasattr(os, name):
            setattr(os, name, refuse)
    names = [name for name in sys.modules if name.partition(".")[0] in ("js", "pyodide", "_pyodide", "pyodide_js", "_pyodide_core")]
    for name in (*names, "js", "pyodide_js"):
        sys.modules[name] = None
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__module__.startswith("_frozen_importlib")]
    sys.excepthook, sys.argv, sys.executable = sys.__excepthook__, [""], ""
    sys.setrecursionlimit(1000)
    gc.collect()
${PYTHON_RESULT}
_start()
_run = _make_run()
del _start, _make_run
`;
