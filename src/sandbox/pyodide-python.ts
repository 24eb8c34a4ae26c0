/**
 * Python's half of the child process, run once Pyodide has started: it puts back what Pyodide replaced by ways to
 * JavaScript, so that programs find plain Python, and defines `_run`, which reads a program from a file and writes what
 * came of it to another. It keeps nothing out: the seal of the module does.
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
    sys.setrecursionlimit(800)
    gc.collect()

def _make_run():
    import ast, io, json, sys, traceback

    def result_of(code):
        try:
            tree = ast.parse(code, "<program>")
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            scope = {"__name__": "__main__", "__builtins__": __builtins__}
            exec(compile(tree, "<program>", "exec"), scope)
            if last is None:
                return {}
            value = eval(compile(ast.Expression(last.value), "<program>", "eval"), scope)
            return {} if value is None else {"value": str(value) if isinstance(value, str) else repr(value)}
        except SystemExit as end:
            return {} if end.code in (None, 0) else {"error": "SystemExit: " + str(end.code)}
        except BaseException as error:
            lines = traceback.format_exception_only(type(error), error)
            where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "<program>"]
            return {"error": "".join(lines).strip()[-2000:] + (" (line %d)" % where[-1].lineno if where else "")}
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()

    def run(program, result, limit):
        with io.open(program, encoding="utf-8") as file:
            code = file.read()
        kept = result_of(code)
        cut = len(kept.get("value", "")) > limit
        if cut:
            kept["value"] = kept["value"][:limit]
        with io.open(result, "w", encoding="utf-8") as file:
            json.dump({**kept, "truncated": cut}, file)
    return run

_start()
_run = _make_run()
del _start, _make_run
`;
