/**
 * Runs the program that stands on its standard input and writes one line of JSON: for interpreters of the machine, in or
 * out of a sandbox.
 */
export const PYTHON_RUNNER = String.raw`
import ast, io, json, sys, time, traceback
request = json.loads(sys.stdin.readline())
limit = request["outputLimit"]
sys.path.extend(request["packages"])
class Kept(io.TextIOBase):
    def __init__(self): self.text = ""; self.cut = False
    def writable(self): return True
    def write(self, text):
        room = limit - len(self.text)
        if len(text) > room: self.cut = True
        if room > 0: self.text += text[:room]
        return len(text)
kept = Kept(); out = sys.stdout
sys.stdout = sys.stderr = kept
result = {}
begun = time.monotonic()
try:
    tree = ast.parse(request["code"], "<program>")
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    scope = {"__name__": "__main__"}
    exec(compile(tree, "<program>", "exec"), scope)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<program>", "eval"), scope)
        if value is not None: result["value"] = value if isinstance(value, str) else repr(value)
except SystemExit as end:
    if end.code not in (None, 0): result["error"] = "SystemExit: " + str(end.code)
except BaseException as error:
    where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "<program>"]
    result["error"] = "".join(traceback.format_exception_only(type(error), error)).strip()[-2000:] + (" (line %d)" % where[-1].lineno if where else "")
if len(result.get("value", "")) > limit: result["value"] = result["value"][:limit]; kept.cut = True
result.update(stdout=kept.text, truncated=kept.cut, milliseconds=(time.monotonic() - begun) * 1000)
out.write(json.dumps(result) + "\n"); out.flush()
`;
