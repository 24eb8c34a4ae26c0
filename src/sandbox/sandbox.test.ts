import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, SandboxError } from "../errors.ts";
import { scriptedModel } from "../testing/index.ts";
import { pythonTool } from "../tools/index.ts";
import { isBubblewrapUsable, openSandbox, type Sandbox } from "./index.ts";
import { resultOf } from "./result.ts";

const sandbox: Sandbox = await openSandbox();
afterAll(() => sandbox.close());
const SLOW = 120_000;

describe("the sandbox", () => {
  it(
    "gives what was printed, the value of the last line, errors with their line, and starts anew each time",
    async () => {
      expect(await sandbox.runPython("print('hi')\nx = 6\nx * 7")).toMatchObject({
        stdout: "hi\n",
        value: "42",
        truncated: false,
      });
      expect(await sandbox.runPython("y = 1\n1 / 0")).toMatchObject({
        error: "ZeroDivisionError: division by zero (line 2)",
      });
      expect(await sandbox.runPython("x")).toMatchObject({ error: /NameError/ });
    },
    SLOW,
  );

  it(
    "cuts what is long and ends what takes long",
    async () => {
      const cut = await sandbox.runPython("print('x' * 1000)", { outputLimit: 100 });
      expect([cut.stdout.length, cut.truncated]).toEqual([100, true]);
      expect(await sandbox.runPython("while True: pass", { timeoutSeconds: 1 })).toMatchObject({
        error: /more than 1 seconds/,
      });
      expect(await sandbox.runPython("1 + 1")).toMatchObject({ value: "2" });
    },
    SLOW,
  );

  it(
    "ends with its caller's signal, and after it was closed",
    async () => {
      const caller = new AbortController();
      const running = sandbox.runPython("while True: pass", { timeoutSeconds: 60, abortSignal: caller.signal });
      setTimeout(() => caller.abort(new Error("enough")), 50);
      await expect(running).rejects.toThrow("enough");
      const other = await openSandbox({ warm: 0 });
      await other.close();
      await expect(other.runPython("1")).rejects.toThrow(SandboxError);
    },
    SLOW,
  );

  it(
    "is never the host unless somebody says so by name",
    async () => {
      expect(sandbox.tier).toBe("pyodide");
      await expect(openSandbox({ tier: "none" as never })).rejects.toThrow(ConfigError);
      if (!(await isBubblewrapUsable()))
        await expect(openSandbox({ tier: "bubblewrap" })).rejects.toThrow(SandboxError);
    },
    SLOW,
  );

  it("does not believe what a child says", () => {
    expect(resultOf("{}", 10).error).toMatch(/no result that can be read/);
    expect(resultOf('{"stdout":"0123456789ABC","value":7,"__proto__":{"x":1}}', 10)).toEqual({
      stdout: "0123456789",
      milliseconds: 0,
      truncated: false,
    });
  });
});

describe("the python tool", () => {
  const context = { abortSignal: new AbortController().signal };

  it(
    "runs a program, and gives its value as a field",
    async () => {
      const tool = pythonTool({ sandbox });
      const output = await tool.execute({ code: "print('so')\n2 ** 10" }, context);
      expect(output).toMatchObject({ text: "so\nvalue: 1024", fields: { value: { kind: "number", value: 1024 } } });
      await expect(Promise.resolve(tool.execute({ code: "1 / 0" }, context))).rejects.toThrow(
        /python: ZeroDivisionError/,
      );
      expect(await tool.check?.(context)).toBe("pyodide, 6 * 7 = 42");
    },
    SLOW,
  );

  it(
    "has a model write the program, and repairs it once",
    async () => {
      const model = scriptedModel(["```python\nprint(1\n```", "from datetime import date\nstr(date(2024, 2, 29))"]);
      const tool = pythonTool({ sandbox, model });
      const output = await tool.execute({ query: "The last day of February 2024" }, context);
      expect(output).toMatchObject({ fields: { value: { kind: "date", value: "2024-02-29" } } });
      expect(model.requests).toHaveLength(2);
      expect(model.requests[1]?.messages.at(-1)?.content).toMatch(/It failed:.*SyntaxError/s);
    },
    SLOW,
  );
});
