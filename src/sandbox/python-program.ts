/** What the interpreter writes once it is up. */
export const READY = "ready";

/**
 * Ends the interpreter's process group when descriptor 3 ends, that is with the parent, whatever it died of. A process of
 * its own does it, which no busy interpreter can hold up, and which is nobody's child that a program would wait for.
 */
export const PYTHON_LIFELINE = `
import os, signal
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        if os.fork() == 0:
            for descriptor in (0, 1, 2): os.close(descriptor)
            while os.read(3, 1): pass
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(3)
`;

/**
 * Says that it is ready, runs the program that it then finds on its standard input, and writes one line of JSON: for
 * interpreters of the machine, in or out of a sandbox. Without a program it ends.
 */
export const PYTHON_RUNNER = String.raw`
import ast, io, json, os, sys, time, traceback
print("${READY}", flush=True)
line = sys.stdin.readline()
if not line: sys.exit()
request = json.loads(line)
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
# The result has a descriptor of its own: what programs and libraries write past sys.stdout does not get into it.
kept = Kept(); out = os.fdopen(os.dup(1), "w")
nowhere = os.open(os.devnull, os.O_WRONLY); os.dup2(nowhere, 1); os.close(nowhere)
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
