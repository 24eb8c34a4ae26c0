import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, SandboxError } from "../errors.ts";
import { scriptedModel } from "../testing/index.ts";
import { pythonTool } from "../tools/index.ts";
import { bubblewrapFault, openSandbox, type Sandbox, tierFault } from "./index.ts";
import { resultOf } from "./result.ts";
import { seccompFilter } from "./seccomp.ts";

const sandbox: Sandbox = await openSandbox();
const scratch = mkdtempSync(join(tmpdir(), "agentflow-sandbox-test-"));
afterAll(async () => {
  await sandbox.close();
  rmSync(scratch, { recursive: true, force: true });
});
const SLOW = 240_000;

const crc32 = (bytes: Buffer): number => {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i += 1) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
};

/** A wheel of one file: a zip whose contents are stored as they are. */
const wheelOf = (name: string, text: string): Buffer => {
  const [path, content] = [Buffer.from(name), Buffer.from(text)];
  const about = Buffer.alloc(26);
  about.writeUInt16LE(20, 0);
  about.writeUInt32LE(crc32(content), 10);
  about.writeUInt32LE(content.length, 14);
  about.writeUInt32LE(content.length, 18);
  about.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), about, path, content]);
  const central = Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), about, Buffer.alloc(14), path]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
};
const wheel = join(scratch, "greeting-1-py3-none-any.whl");
writeFileSync(wheel, wheelOf("greeting/__init__.py", "word = 'hello from a wheel'\n"), { mode: 0o644 });

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
    "keeps what was printed before a program is ended",
    async () => {
      const code = "import sys\nprint('step 1')\nsys.stdout.write('é🙂')\nwhile True: pass";
      const ended = await sandbox.runPython(code, { timeoutSeconds: 1 });
      expect(ended).toMatchObject({ stdout: "step 1\né🙂", error: /more than 1 seconds/, truncated: false });
      const cut = await sandbox.runPython("while True: print('x' * 50)", { timeoutSeconds: 1, outputLimit: 120 });
      expect([cut.stdout.length, cut.truncated]).toEqual([120, true]);
      const left = await sandbox.runPython("print('last words')\nimport os\nos._exit(3)");
      expect(left).toMatchObject({ stdout: "last words\n", error: /ended its interpreter/ });
    },
    SLOW,
  );

  it(
    "gives numbers and dates as one writes them",
    async () => {
      const of = async (code: string) => (await sandbox.runPython(code)).value;
      expect(await of("from fractions import Fraction\nFraction(2, 6)")).toBe("1/3");
      expect(await of("from decimal import Decimal\nDecimal('1.10')")).toBe("1.10");
      expect(await of("from datetime import date\ndate(2024, 2, 29)")).toBe("2024-02-29");
      expect(await of("from datetime import datetime\ndatetime(2024, 2, 29, 12)")).toBe("2024-02-29T12:00:00");
      expect(await of("class Text(str):\n  __str__ = lambda self: 'other'\nText('own')")).toBe("own");
      expect(await of("[1, 'a']")).toBe("[1, 'a']");
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
      // The strictest that works.
      expect(sandbox.tier).toBe(
        (await tierFault("pyodide-in-bubblewrap")) === undefined ? "pyodide-in-bubblewrap" : "pyodide",
      );
      await expect(openSandbox({ tier: "none" as never })).rejects.toThrow(ConfigError);
      if ((await bubblewrapFault()) !== undefined)
        await expect(openSandbox({ tier: "bubblewrap" })).rejects.toThrow(SandboxError);
    },
    SLOW,
  );

  it(
    "lets programs import the packages that it was given",
    async () => {
      const given = await openSandbox({ packages: [wheel], warm: 0 });
      try {
        // The first start makes the picture, the second one begins with it.
        for (let i = 0; i < 2; i += 1)
          expect(await given.runPython("import greeting\ngreeting.word")).toMatchObject({
            value: "hello from a wheel",
          });
      } finally {
        await given.close();
      }
    },
    SLOW,
  );

  it(
    "counts what files and pipes hold",
    async () => {
      const fill = "f = open('/tmp/x', 'wb')\nwhile True: f.write(bytes(30_000_000))";
      expect(await sandbox.runPython(fill, { timeoutSeconds: 60 })).toMatchObject({ error: /No space left/ });
      const again = "for i in range(90): open('/tmp/x', 'wb').write(bytes(1_000_000))\n'fits'";
      expect(await sandbox.runPython(again, { timeoutSeconds: 60 })).toMatchObject({ value: "fits" });
    },
    SLOW,
  );

  it("does not believe what a child says", () => {
    expect(resultOf("{}", 10).error).toMatch(/no result that can be read/);
    expect(resultOf('{"stdout":"0123456789ABC","value":7,"__proto__":{"x":1}}', 10)).toEqual({
      stdout: "0123456789",
      milliseconds: 0,
      truncated: true,
    });
  });
});

const usable = (await bubblewrapFault()) === undefined;
if (!usable) process.stderr.write("bubblewrap does not work on this machine: its tier is not tested here\n");

describe.runIf(usable)("the sandbox of bubblewrap", () => {
  it(
    "runs the machine's Python with its packages, without a network, other files or new rights",
    async () => {
      const other = await openSandbox({ tier: "bubblewrap", packages: [wheel] });
      const of = async (code: string) => (({ value, error }) => value ?? error)(await other.runPython(code));
      expect(await of("import greeting\ngreeting.word")).toBe("hello from a wheel");
      expect(await of("import os\nsorted(os.listdir('/'))")).toMatch(/^\['bin', 'dev', 'lib'/);
      expect(await of("import socket\nsocket.socket()")).toMatch(/PermissionError/);
      expect(await of("open('/etc/passwd')")).toMatch(/FileNotFoundError/);
      const call = "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\n";
      // unshare(CLONE_NEWUSER): the filter says EPERM before the kernel looks at it.
      expect(await of(`${call}(l.unshare(0x10000000), ctypes.get_errno())`)).toBe("(-1, 1)");
      await other.close();
    },
    SLOW,
  );
});

it("writes filters for the processors that it knows, and for no other", () => {
  for (const processor of ["x64", "arm64"]) {
    const filter = seccompFilter(processor) ?? Buffer.alloc(0);
    expect(filter.length % 8).toBe(0);
    // The last instruction lets through what no test has refused.
    expect([filter.readUInt16LE(filter.length - 8), filter.readUInt32LE(filter.length - 4)]).toEqual([6, 0x7fff0000]);
  }
  expect(seccompFilter("ppc64")).toBeUndefined();
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
      expect(await tool.check?.(context)).toBe(`${sandbox.tier}, 6 * 7 = 42`);
    },
    SLOW,
  );

  it.each<[string, unknown]>([
    ["```python\nx = 'a  b'\nx\n```", { kind: "text", value: "a  b" }],
    ["~~~\n6 * 7\n~~~", { kind: "number", value: 42 }],
    ["'```'", { kind: "text", value: "```" }],
    ["from datetime import date\ndate(2024, 3, 1) - date(2024, 2, 1)", { kind: "number", value: 29, unit: "day" }],
    ["from fractions import Fraction\nFraction(6, 3)", { kind: "number", value: 2 }],
    ["2 ** 64", { kind: "text", value: "18446744073709551616" }],
    ["'12,5 kg'", { kind: "number", value: 12.5, unit: "kg" }],
    ["'007'", { kind: "text", value: "007" }],
    ["print(1, 234)", { kind: "text", value: "1 234" }],
  ])(
    "reads %j as a value",
    async (code, value) => {
      expect(await pythonTool({ sandbox }).execute({ code }, context)).toMatchObject({ fields: { value } });
    },
    SLOW,
  );

  it(
    "says with an error what had been printed",
    async () => {
      const tool = pythonTool({ sandbox, timeoutSeconds: 1 });
      const run = async (code: string) => tool.execute({ code }, context);
      await expect(run("print('step 1')\nwhile True: pass")).rejects.toThrow(/TimeoutError.*had printed: step 1$/s);
      await expect(run("print('before')\n1 / 0")).rejects.toThrow(/ZeroDivisionError.*had printed: before$/s);
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
