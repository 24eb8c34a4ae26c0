import { spawn } from "node:child_process";
import { afterAll, describe, expect, it, vi } from "vitest";
import { SandboxError } from "../errors.ts";
import { bubblewrapCommand } from "./bubblewrap-command.ts";
import { bubblewrapFault, bubblewrapSandbox } from "./bubblewrap-sandbox.ts";
import { runInProcess } from "./process-run.ts";
import { PYTHON_RUNNER } from "./python-program.ts";
import type { RunOptions } from "./sandbox.ts";

const SLOW = 240_000;
const fault = await bubblewrapFault();
if (fault !== undefined) process.stderr.write(`bubblewrap is not tested here: ${fault}\n`);

const C = "import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\n";
const until = (step: string, most = 100_000): string =>
  `n = 0\nheld = []\ntry:\n while n < ${most}:\n  ${step}\n  n += 1\nexcept (OSError, MemoryError, RuntimeError): pass\nn`;

/** What holds memory that is not a process's own, and how much of it there may be. */
const holders: readonly (readonly [name: string, code: string, most: number])[] = [
  ["files in /tmp, MB", until("open('/tmp/%d' % n, 'wb').write(bytes(10**6))"), 16],
  [
    "deleted files, MB",
    until("f = open('/tmp/x', 'wb'); os.unlink('/tmp/x'); held.append(f); f.write(bytes(10**6)); f.flush()"),
    16,
  ],
  ["empty files", until("open('/tmp/%d' % n, 'w').close()"), 1024],
  ["folders", until("os.mkdir('/tmp/%d' % n)"), 1024],
  ["names", `open('/tmp/x', 'w').close()\n${until("os.link('/tmp/x', '/tmp/' + 'y' * 200 + str(n))")}`, 1024],
  [
    "attributes, kB",
    `open('/tmp/x', 'w').close()\n${until("os.setxattr('/tmp/x', 'user.%d' % n, bytes(1000))")}`,
    1024,
  ],
  ["files in /", until("open('/%d' % n, 'w')"), 0],
  ["files in /dev", until("open('/dev/%d' % n, 'w')"), 0],
  ["files in /dev/shm", until("open('/dev/shm/%d' % n, 'w')"), 0],
  ["files in /packages", until("open('/packages/%d' % n, 'w')"), 0],
  ["processes", until("if os.fork() == 0: os._exit(0)"), 0],
  ["spawned processes", until("os.posix_spawn('/bin/true', ['true'], {})"), 0],
  [
    "threads",
    `import threading, time\nthreading.stack_size(32768)\n${until("threading.Thread(target=time.sleep, args=(5,), daemon=True).start()")}`,
    32,
  ],
  ["mapped MB", until("held.append(bytes(10**6))"), 256],
  ["shared MB", `import mmap\n${until("m = mmap.mmap(-1, 10**6); m.write(bytes(10**6)); held.append(m)")}`, 256],
  ["pipes, kB", `import fcntl\n${until("r, w = os.pipe(); fcntl.fcntl(w, 1031, 2**20); held.append(r)")}`, 32],
  [
    "large sockets",
    `import socket\n${until("a, b = socket.socketpair(); held.append((a, b)); a.setsockopt(1, 7, 2**24)")}`,
    0,
  ],
  ["timers", `${C}b = ctypes.create_string_buffer(8)\n${until("if l.timer_create(1, 0, b): raise OSError")}`, 64],
  ...[
    "memfd_create(b'x', 0)",
    "shmget(0, 4096, 0o1666)",
    "msgget(0, 0o1666)",
    "semget(0, 1, 0o1666)",
    "inotify_init1(0)",
    "vfork()",
  ].map((call) => [call, `${C}${until(`if l.${call} < 0: raise OSError`, 10)}`, 0] as const),
];

describe.runIf(fault === undefined)("the tier of bubblewrap", () => {
  it.each(holders)(
    "bounds %s",
    async (_, code, most) => {
      const sandbox = await bubblewrapSandbox();
      const { value, error } = await sandbox.runPython(`import os\n${code}`, { timeoutSeconds: 30 });
      expect([error, Number(value) <= most, value]).toEqual([undefined, true, value]);
    },
    SLOW,
  );

  it(
    "shows nothing of the host but /usr",
    async () => {
      const sandbox = await bubblewrapSandbox();
      const code = `import os
seen = [d for d in ('/proc', '/sys', '/etc', '/home', '/root', '/run', '/var', '/dev/shm', '/dev/pts') if os.path.exists(d)]
(seen, sorted(os.listdir('/dev')), os.listdir('/tmp'), os.getgroups(), dict(os.environ).keys() - {'LC_CTYPE', 'PWD'})`;
      expect((await sandbox.runPython(code)).value).toBe(
        "([], ['full', 'null', 'random', 'urandom', 'zero'], [], [], set())",
      );
    },
    SLOW,
  );

  it.each([
    ["stops itself", "import os\nos.kill(os.getpid(), 19)"],
    [
      "ignores signals",
      "import signal\nfor n in range(1, 65):\n try: signal.signal(n, signal.SIG_IGN)\n except (OSError, ValueError): pass\nwhile True: pass",
    ],
    ["closes all that is open", "import os, time\nos.closerange(0, 64)\ntime.sleep(90)"],
    ["holds the interpreter", "10 ** 10 ** 10"],
  ])(
    "ends a program at its deadline that %s",
    async (_, code) => {
      const sandbox = await bubblewrapSandbox();
      expect(await sandbox.runPython(code, { timeoutSeconds: 1 })).toMatchObject({
        error: /more than 1 seconds|MemoryError/,
      });
    },
    SLOW,
  );

  it(
    "believes no result: a program forges its own only, within the limits",
    async () => {
      const sandbox = await bubblewrapSandbox();
      const forge = (line: string): string =>
        `import os\nfor f in range(1, 9):\n try: os.write(f, ${line} + b'\\n')\n except OSError: pass`;
      const options: RunOptions = { outputLimit: 100 };
      const odd = `b'{"stdout": "' + b'x' * 1000 + b'\\\\ud800", "value": {}, "milliseconds": 1e999, "truncated": 1, "__proto__": {"error": "x"}}'`;
      const { milliseconds, ...rest } = await sandbox.runPython(forge(odd), options);
      expect(rest).toEqual({ stdout: "x".repeat(100), truncated: true });
      expect(Number.isFinite(milliseconds)).toBe(true);
      for (const line of ["b'[' * 10000", "b'null'", "b'7'", "b'\\xff'", "b''"])
        expect(await sandbox.runPython(forge(line), options)).toMatchObject({ error: /no result that can be read/ });
      expect(await sandbox.runPython("import os\nwhile True: os.write(3, bytes(65536))", options)).toMatchObject({
        error: /ended its interpreter/,
      });
    },
    SLOW,
  );

  it(
    "ends what runs when it is closed, and runs nothing more",
    async () => {
      const sandbox = await bubblewrapSandbox();
      const running = sandbox.runPython("while True: pass", { timeoutSeconds: 100 });
      const ended = expect(running).rejects.toThrow("The sandbox is closed.");
      await sandbox.close();
      await ended;
      await expect(sandbox.runPython("1")).rejects.toThrow(SandboxError);
    },
    SLOW,
  );

  it(
    "ends with the signal at any moment, and gives its place back",
    async () => {
      const sandbox = await bubblewrapSandbox();
      const run = async (i: number): Promise<unknown> => {
        const abortSignal = AbortSignal.timeout(i * 10);
        return sandbox
          .runPython("while True: pass", { timeoutSeconds: 100, abortSignal })
          .catch((error: unknown) => error);
      };
      // More than there are places.
      const ends = await Promise.all(Array.from({ length: 24 }, (_, i) => run(i)));
      for (const end of ends) expect(end).toMatchObject({ name: "TimeoutError" });
      const after = await Promise.all(Array.from({ length: 8 }, () => sandbox.runPython("6 * 7")));
      expect(after.map(({ value }) => value)).toEqual(Array(8).fill("42"));
    },
    SLOW,
  );
});

const root = process.getuid?.() === 0;
if (!root) process.stderr.write("not root: bubblewrap is tested for this user only\n");

describe.runIf(fault === undefined && root)("the tier of bubblewrap for a user who is not root", () => {
  const user = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"];
  const others = Array.from({ length: 100 }, () => spawn("setpriv", [...user.slice(1), "sleep", "300"]));
  afterAll(() => {
    for (const other of others) other.kill("SIGKILL");
  });

  it(
    "works beside a hundred other processes of that user, and limits threads all the same",
    async () => {
      const asUser = vi.spyOn(process, "getuid").mockReturnValue(4242);
      const { command, env, inputs } = bubblewrapCommand({
        user: 0,
        memory: { megabytes: 256, counted: "address space" },
        writableMegabytes: 16,
        program: ["/usr/bin/python3", "-I", "-S", "-c", PYTHON_RUNNER],
      });
      asUser.mockRestore();
      expect(command).not.toContain("setpriv");
      const threads = holders.find(([name]) => name === "threads")?.[1] ?? "";
      const result = await runInProcess({ command: [...user, ...command], env, inputs, code: `import os\n${threads}` });
      expect([result.error, Number(result.value) > 10, Number(result.value) <= 32]).toEqual([undefined, true, true]);
    },
    SLOW,
  );
});
