/**
 * Python text that defines `_make_run()`. What that returns runs a program and gives what came of it as JSON: for
 * interpreters in WebAssembly.
 */
export const PYTHON_RESULT = `
def _make_run():
    import ast, json, sys, traceback

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

    def run(code, limit):
        kept = result_of(code)
        cut = len(kept.get("value", "")) > limit
        if cut:
            kept["value"] = kept["value"][:limit]
        return json.dumps({**kept, "truncated": cut})
    return run
`;
