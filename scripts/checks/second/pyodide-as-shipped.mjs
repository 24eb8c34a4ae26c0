// Pyodide as npm gives it, in a bare process of Node: whatever a program asks for, it gets. Programs come by the channel of
// the parent, one at a time; a reply is a line on standard output, as a careless runner would have it.
import { loadPyodide } from "pyodide";

const pyodide = await loadPyodide();
process.on("message", (code) => {
  const globals = pyodide.globals.get("dict")();
  let value;
  try {
    value = String(pyodide.runPython(code, { globals }));
  } catch (error) {
    value = String(error?.message ?? error).slice(-400);
  }
  process.stdout.write(`\n${JSON.stringify({ value })}\n`, () => process.send("next"));
});
process.send("next");
