import { hostSandbox } from "../../src/sandbox/host-sandbox.ts";
import {
  type Assault,
  type Attack,
  CANARY,
  commonLimits,
  type Limit,
  type Outside,
  processesWith,
  SECRET,
} from "./escape.ts";

/** Ways to run a command `c` of the shell; each leaves what it said in `o`. */
const shells: readonly string[] = [
  "import subprocess\no = subprocess.run(c, shell=True, capture_output=True, text=True).stdout",
  "import subprocess\no = subprocess.Popen(['/bin/sh', '-c', c], stdout=subprocess.PIPE, text=True).communicate()[0]",
  "import subprocess\no = subprocess.getoutput(c)",
  "import os\no = os.popen(c).read()",
  "import os, tempfile\nf = tempfile.mktemp()\nos.system('(' + c + ') > ' + f)\no = open(f).read()",
  "import os, tempfile\nf = tempfile.mktemp()\np = os.posix_spawn('/bin/sh', ['sh', '-c', '(' + c + ') > ' + f], {'PATH': '/usr/bin:/bin', **os.environ})\nos.waitpid(p, 0)\no = open(f).read()",
  "import os\nr, w = os.pipe()\np = os.fork()\nif p == 0:\n os.dup2(w, 1)\n os.execv('/bin/sh', ['sh', '-c', c])\nos.close(w)\no = os.fdopen(r).read()",
  "import ctypes, tempfile\nf = tempfile.mktemp()\nctypes.CDLL(None).system(('(' + c + ') > ' + f).encode())\no = open(f).read()",
  "import asyncio\nasync def go():\n p = await asyncio.create_subprocess_shell(c, stdout=-1)\n return (await p.communicate())[0].decode()\no = asyncio.run(go())",
  "import threading, subprocess\ns = []\nt = threading.Thread(target=lambda: s.append(subprocess.getoutput(c)))\nt.start(); t.join()\no = s[0]",
];

/** Commands, and what they say where they work. */
const commands = ({ canary, writable, port, pid }: Outside): readonly (readonly [command: string, says: string])[] => [
  [`cat ${canary}`, CANARY],
  [`ls $(dirname ${canary})`, "canary.txt"],
  [`touch ${writable} && echo worked`, "worked"],
  [`echo $${SECRET}`, CANARY],
  ["cat /etc/passwd", "root:"],
  ["ls /", "etc"],
  [`kill -0 ${pid} && echo worked`, "worked"],
  [`ls /proc/${pid}`, "environ"],
  [
    `/usr/bin/python3 -c "import socket; socket.create_connection(('127.0.0.1', ${port}), 3); print('worked')"`,
    "worked",
  ],
  ["unshare -U true && echo worked", "worked"],
];

/** Ways to read a file `f` into `o`. */
const reads: readonly string[] = [
  "o = open(f).read()",
  "import os\no = os.read(os.open(f, os.O_RDONLY), 100000).decode()",
  "import io\no = io.open_code(f).read().decode()",
  "import pathlib\no = pathlib.Path(f).read_text()",
  "import mmap\nh = open(f)\no = mmap.mmap(h.fileno(), 0, prot=mmap.PROT_READ)[:].decode()",
  "import shutil, tempfile\nt = tempfile.mktemp()\nshutil.copy(f, t)\no = open(t).read()",
  "import os, tempfile\nt = tempfile.mktemp()\nos.symlink(f, t)\no = open(t).read()",
  "o = open('/proc/self/root' + f).read()",
  "o = open('/proc/thread-self/root' + f).read()",
  "o = open('/proc/self/cwd/' + '../' * 20 + f[1:]).read()",
  "import os\nd = os.open('/', os.O_RDONLY)\no = os.fdopen(os.open(f[1:], os.O_RDONLY, dir_fd=d)).read()",
  "import linecache\no = ''.join(linecache.getlines(f))",
  "import fileinput\no = ''.join(fileinput.input(f))",
  "import ctypes\nl = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(5000)\nl.read(l.open(f.encode(), 0), b, 4999)\no = b.value.decode()",
  "import urllib.request\no = urllib.request.urlopen('file://' + f).read().decode()",
];

/** Statements that work, or throw. */
const deeds = ({ canary, writable, port, pid }: Outside): readonly string[] => [
  // To write.
  `open('${writable}', 'w').write('x')`,
  `import os\nos.mkdir('${writable}-folder')`,
  `import os\nos.symlink('/', '${writable}-link')`,
  `import os, tempfile\nt = tempfile.mktemp(dir='/tmp')\nopen(t, 'w').close()\nimport shutil\nshutil.copy(t, '${writable}-copy')`,
  `import socket\nsocket.socket(socket.AF_UNIX).bind('${writable}-socket')`,
  `import os\nos.utime('${canary}')`,
  `import sqlite3\nsqlite3.connect('${writable}-db').execute('create table t (x)')`,
  // To reach the network.
  `import socket\nsocket.create_connection(('127.0.0.1', ${port}), 3)`,
  `import socket\ns = socket.socket()\ns.settimeout(3)\nassert s.connect_ex(('127.0.0.1', ${port})) == 0`,
  `import urllib.request\nurllib.request.urlopen('http://127.0.0.1:${port}/', timeout=3).read()`,
  `import http.client\nh = http.client.HTTPConnection('127.0.0.1', ${port}, timeout=3)\nh.request('GET', '/')\nh.getresponse()`,
  `import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', ${port}))`,
  "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
  "import socket\nsocket.socket(socket.AF_INET6)",
  "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
  "import socket\nassert len(socket.if_nameindex()) > 1 or True\nsocket.socket(socket.AF_INET).close()",
  // To reach other processes.
  `import os\nos.kill(${pid}, 0)`,
  `import os\nos.getpgid(${pid})`,
  `import os\nos.pidfd_open(${pid})`,
  `import os\nos.sched_getaffinity(${pid})`,
  `import resource\nresource.prlimit(${pid}, resource.RLIMIT_NOFILE)`,
  `open('/proc/${pid}/environ').read()`,
  `open('/proc/${pid}/maps').read()`,
  `import os\nos.readlink('/proc/${pid}/exe')`,
];

/** Calls of the system, by number: a filter that holds refuses them before the kernel looks at what they ask. */
const calls: readonly (readonly [name: string, x64: string])[] = [
  ["ptrace", "101, 0, 0, 0, 0"],
  ["unshare", "272, 0x10000000"],
  ["personality", "135, 0xffffffff"],
  ["io_uring_setup", "425, 1, 0"],
  ["process_vm_readv", "310, os.getpid(), 0, 0, 0, 0, 0"],
  ["open_tree", "428, -100, b'/', 0"],
  ["kcmp", "312, os.getpid(), os.getpid(), 0, 0, 0"],
  ["name_to_handle_at", "303, -100, b'/', 0, 0, 0"],
];

const limits: readonly Limit[] = [
  ...commonLimits,
  {
    name: "processes",
    code: "import os, time\nn = 0\ntry:\n while n < 200:\n  if os.fork() == 0: time.sleep(20); os._exit(0)\n  n += 1\nexcept OSError: pass\nn",
    holds: ({ value }) => Number(value) < 32,
  },
  {
    name: "descriptors",
    code: "n = []\ntry:\n while True: n.append(open('/dev/null'))\nexcept OSError: pass\nlen(n)",
    holds: ({ value }) => Number(value) < 64,
  },
  {
    name: "a large file",
    code: "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nb = bytes(10**6)\nf = os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)\nwhile True: os.write(f, b)",
    holds: ({ error }) => /too large/.test(error ?? ""),
  },
  {
    name: "many files",
    code: "n = 0\nwhile True:\n n += 1\n open('/tmp/%d' % n, 'wb').write(bytes(10**6))",
    holds: ({ error }) => /No space/.test(error ?? ""),
  },
  {
    name: "a file in /usr",
    code: "open('/usr/x', 'w')",
    holds: ({ error }) => /Read-only|denied/.test(error ?? ""),
  },
  {
    name: "new rights",
    code: "import ctypes\nctypes.CDLL(None).prctl(39, 0, 0, 0, 0)",
    holds: ({ value }) => value === "1",
  },
  {
    name: "a daemon",
    code: "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0:\n  time.sleep(60)\n os._exit(0)\n'left'",
    holds: ({ error }) => /not permitted/.test(error ?? ""),
  },
];

/** Attacks on an interpreter of the machine: what CPython can do, and no JavaScript in between. */
export const onBubblewrap: Assault = {
  attacks: (outside): readonly Attack[] => [
    ...shells.flatMap((shell, s) =>
      commands(outside).map(([command, says], c) => ({
        name: `shell ${s}, command ${c}`,
        code: `c = ${JSON.stringify(command)}\n${shell}\n'ESCAPED' if ${JSON.stringify(says)} in o else 'no'`,
      })),
    ),
    ...reads.flatMap((read, r) =>
      [outside.canary, "/etc/passwd"].map((file, f) => ({
        name: `read ${r} of ${f}`,
        code: `f = ${JSON.stringify(file)}\n${read}\n'ESCAPED' if '${CANARY}' in o or 'root:' in o else 'no'`,
      })),
    ),
    ...deeds(outside).map((deed, d) => ({ name: `deed ${d}`, code: `${deed}\n'ESCAPED'` })),
    ...(process.arch === "x64" ? calls : []).map(([name, call]) => ({
      name,
      // Refused is EPERM (1) or ENOSYS (38); whatever else the kernel says, it was asked.
      code: `import ctypes, os\nl = ctypes.CDLL(None, use_errno=True)\nr = l.syscall(${call})\n'ESCAPED' if r >= 0 or ctypes.get_errno() not in (1, 38) else 'no'`,
    })),
  ],
  limits,
  unguarded: async (attacks) => {
    process.env[SECRET] = CANARY;
    const host = hostSandbox();
    const said: string[] = [];
    for (const { code } of attacks) {
      const { value, error } = await host.runPython(code);
      said.push(value ?? error ?? "");
    }
    return said;
  },
  left: () => processesWith("request = json.loads(line)"),
};
