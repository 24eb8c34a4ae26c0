/**
 * Python text that defines `_make_run()`. What that returns runs a program and gives what came of it as JSON, for every
 * interpreter: `run(code, limit, kept)`, where `kept`, if given, has the `text` that was printed and whether it was `cut`.
 *
 * A program finds itself in the module `__main__`, with luck of its own even where the interpreter was started long ago.
 * What is used after it has run was bound before: a program that replaces functions of Python does not lose its result.
 */
export const PYTHON_RESULT = `
def _make_run():
    import ast, builtins, io, json.encoder, sys, traceback, types
    quote, plain, count, kind_of, is_a = json.encoder.encode_basestring_ascii, str.__str__, len, type, isinstance
    show, strings, whole, leaving, anything, parse = repr, str, int, SystemExit, BaseException, ast.parse
    attribute_of = getattr
    compiled, evaluate, execute, expressions = compile, eval, exec, (ast.Expr, ast.Expression)
    message_of, frames_of, streams = traceback.format_exception_only, traceback.extract_tb, ("stdout", "stderr")
    # What is printed is passed on at once: a program that is ended leaves it.
    for name in streams:
        stream = attribute_of(sys, name)
        if hasattr(stream, "buffer") and hasattr(stream.buffer, "raw"):
            direct = io.TextIOWrapper(stream.buffer.raw, stream.encoding, stream.errors, newline="\\n", write_through=True)
            setattr(sys, name, direct)

    def fresh():
        for name, forget in (("random", lambda module: module.seed()), ("tempfile", lambda module: setattr(module, "_name_sequence", None))):
            if name in sys.modules:
                forget(sys.modules[name])
        main = types.ModuleType("__main__")
        main.__builtins__ = builtins
        sys.modules["__main__"] = main
        return main.__dict__

    # Numbers and dates of the library as one writes them, not as one makes them: 1/3, 1.10, 2024-02-29.
    as_written = {"fractions.Fraction", "decimal.Decimal", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta"}

    def text_of(value):
        if is_a(value, strings):
            return value
        kinds = {"%s.%s" % (kind.__module__, kind.__name__) for kind in kind_of(value).__mro__}
        if "datetime.datetime" in kinds:
            return value.isoformat()
        return strings(value) if as_written & kinds else show(value.item() if "numpy.generic" in kinds else value)

    def fault_of(error):
        try:
            if is_a(error, leaving):
                return "SystemExit: " + strings(error.code)
            where = [frame for frame in frames_of(error.__traceback__) if frame.filename == "<program>"]
            return "".join(message_of(kind_of(error), error)).strip()[-2000:] + (" (line %d)" % where[-1].lineno if where else "")
        except anything:
            return kind_of(error).__name__

    def result_of(code):
        try:
            tree = parse(code, "<program>")
            last = tree.body.pop() if tree.body and is_a(tree.body[-1], expressions[0]) else None
            scope = fresh()
            execute(compiled(tree, "<program>", "exec"), scope)
            if last is None:
                return "value", None
            value = evaluate(compiled(expressions[1](last.value), "<program>", "eval"), scope)
            return "value", None if value is None else plain(text_of(value))
        except leaving as end:
            return ("value", None) if end.code is None or end.code is False or kind_of(end.code) is whole and not end.code else ("error", fault_of(end))
        except anything as error:
            return "error", fault_of(error)

    def run(code, limit, kept=None):
        kind, said = result_of(code)
        for name in streams:
            try:
                attribute_of(sys, name).flush()
            except anything:
                pass
        cut = said is not None and count(said) > limit
        line = '{"truncated": ' + ("true" if cut or (kept is not None and kept.cut) else "false")
        if said is not None:
            line += ', "' + kind + '": ' + quote(said[:limit] if cut else said)
        if kept is not None:
            line += ', "stdout": ' + quote(plain(kept.text))
        return line + "}"
    return run
`;
