import { PYTHON_RESULT } from "./python-result.ts";

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
 * Says that it is ready, runs the program that it then finds on its standard input, and writes lines of JSON: what it
 * prints, piece by piece, and the result. For interpreters of the machine, in or out of a sandbox. Without a program it ends.
 */
export const PYTHON_RUNNER = `${PYTHON_RESULT}
import io, json, os, sys
print("${READY}", flush=True)
line = sys.stdin.readline()
if not line: sys.exit()
request = json.loads(line)
sys.path.extend(request["packages"])
class Kept(io.TextIOBase):
    def __init__(self, limit): self.text = ""; self.cut = False; self.limit = limit
    def writable(self): return True
    def write(self, text):
        room = self.limit - len(self.text)
        if len(text) > room: self.cut = True
        text = text[:max(room, 0)]
        self.text += text
        # Pieces that a pipe takes whole, whatever other threads write meanwhile.
        for at in range(0, len(text), 300): write(out, (quote(text[at:at + 300]) + "\\n").encode())
        return len(text)
# The result has a descriptor of its own: what programs and libraries write past sys.stdout does not get into it.
kept = Kept(request["outputLimit"]); write = os.write; out = os.dup(1); quote = json.encoder.encode_basestring_ascii
nowhere = os.open(os.devnull, os.O_WRONLY); os.dup2(nowhere, 1); os.close(nowhere)
sys.stdout = sys.stderr = kept
left = (_make_run()(request["code"], request["outputLimit"], kept) + "\\n").encode()
while left: left = left[write(out, left):]
`;
