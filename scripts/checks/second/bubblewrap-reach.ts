import type { Attack, Outside } from "../escape.ts";
import { quoted } from "./goals.ts";

type Attempts = readonly (readonly [name: string, code: string])[];
const when = (condition: string) => `'ESCAPED' if ${condition} else 'held'`;
/** System calls by their numbers on x86-64, -1 where one fails. */
const calls =
  "import ctypes, os\nL = ctypes.CDLL(None, use_errno=True)\nS = L.syscall\nbuffer = ctypes.create_string_buffer\n";
/** In a child, so that a namespace or a root folder that was changed is gone with it. */
const inChild = (condition: string) => `${calls}p = os.fork()
if p == 0:
    ok = False
    try: ok = bool(${condition})
    finally: os._exit(0 if ok else 1)
${when("os.waitpid(p, 0)[1] == 0")}`;

const files = ({ canary, writable }: Outside): Attempts => {
  const [name, target] = [quoted(canary), quoted(writable)];
  const folder = quoted(canary.slice(0, canary.lastIndexOf("/")));
  const file = canary.slice(canary.lastIndexOf("/") + 1);
  const has = (text: string) => when(`'canary' in ${text}`);
  return [
    ["the root of this process", has(`open('/proc/self/root' + ${name}).read()`)],
    ["the root of its parent", `import os\n${has(`open(f'/proc/{os.getppid()}/root' + ${name}).read()`)}`],
    ["the root of a thread", has(`open('/proc/thread-self/root' + ${name}).read()`)],
    ["upwards from the working folder", has(`open('../' * 40 + ${name}.lstrip('/')).read()`)],
    [
      "upwards from a folder's descriptor",
      `import os\nfd = os.open('/tmp', os.O_PATH)\n${has(`os.read(os.open('../' * 40 + ${name}.lstrip('/'), 0, dir_fd=fd), 99).decode()`)}`,
    ],
    [
      "a symbolic link",
      `import os, tempfile\np = tempfile.mkdtemp() + '/l'; os.symlink(${name}, p)\n${has("open(p).read()")}`,
    ],
    [
      "a mapping",
      `import mmap, os\nfd = os.open(${name}, 0)\n${when("b'canary' in mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:]")}`,
    ],
    [
      "sendfile to a pipe",
      `import os\nr, w = os.pipe(); os.sendfile(w, os.open(${name}, 0), 0, 99)\n${has("os.read(r, 99).decode()")}`,
    ],
    ["a command", `import subprocess\n${has(`subprocess.check_output(['cat', ${name}], text=True)`)}`],
    [
      "fopen of the C library",
      `${calls}f = L.fopen; f.restype = ctypes.c_void_p; b = buffer(99)\nh = f(${name}.encode(), b'r'); L.fgets(b, 99, ctypes.c_void_p(h)) if h else 0\n${when("b'canary' in b.raw")}`,
    ],
    [
      "a handle of a file",
      inChild(
        `(lambda h, m: S(303, -100, ${name}.encode(), h, m, 0) == 0 and S(304, os.open(${folder}, 0), h, 0) >= 0)(buffer(b'\\x80\\0\\0\\0', 200), buffer(8))`,
      ),
    ],
    ["openat2", `${calls}fd = S(437, -100, ${name}.encode(), buffer(24), 24)\n${has("os.read(fd, 99).decode()")}`],
    ["another root folder", inChild(`(os.chroot(${folder}), 'canary' in open('/${file}').read())[1]`)],
    ["a file, written", when(`open(${target}, 'w').write('x')`)],
    [
      "a link, made",
      `import os\nos.symlink('/etc', ${target} + str(os.getpid()))\nr = os.path.islink(${target} + str(os.getpid())); os.unlink(${target} + str(os.getpid()))\n${when("r")}`,
    ],
    [
      "a socket's name, made",
      `import os, socket\ns = socket.socket(socket.AF_UNIX); s.bind(${target} + str(os.getpid())); os.unlink(${target} + str(os.getpid()))\n'ESCAPED'`,
    ],
    [
      "a database, made",
      `import os, sqlite3\nc = sqlite3.connect(${target} + str(os.getpid())); c.execute('create table t (x)'); c.commit(); c.close(); os.unlink(${target} + str(os.getpid()))\n'ESCAPED'`,
    ],
    ["the shell's environment", has("__import__('subprocess').check_output('env', text=True)")],
    [
      "the parent's environment",
      `import os\n${when("b'canary' in open(f'/proc/{os.getppid()}/environ', 'rb').read()")}`,
    ],
    ["this process's first environment", when("b'canary' in open('/proc/self/environ', 'rb').read()")],
    [
      "the environment of the C library",
      `${calls}g = L.getenv; g.restype = ctypes.c_char_p\n${when("g(b'SECRET_CANARY')")}`,
    ],
    [
      "the environment of every process",
      "import glob\ndef read(p):\n    try: return open(p, 'rb').read()\n    except OSError: return b''\n" +
        when("any(b'canary' in read(p) for p in glob.glob('/proc/[0-9]*/environ'))"),
    ],
  ];
};

const processes = ({ pid }: Outside): Attempts => [
  ["its environment", when(`b'PATH=' in open('/proc/${pid}/environ', 'rb').read()`)],
  ["its command", when(`b'node' in open('/proc/${pid}/cmdline', 'rb').read()`)],
  ["its memory", `import os\n${when(`os.open('/proc/${pid}/mem', os.O_RDWR) >= 0`)}`],
  ["its mapped files", when(`'node' in open('/proc/${pid}/maps').read()`)],
  ["its descriptors", `import os\n${when(`os.listdir('/proc/${pid}/fd')`)}`],
  ["its folder", `import os\n${when(`os.readlink('/proc/${pid}/cwd')`)}`],
  ["a signal", `import os\nos.kill(${pid}, 0)\n'ESCAPED'`],
  ["a descriptor of it", `${calls}${when(`S(434, ${pid}, 0) >= 0`)}`],
  ["its memory, without a file", `${calls}${when(`S(310, ${pid}, 0, 0, 0, 0, 0) == 0`)}`],
  [
    "its priority",
    `import os\nos.setpriority(os.PRIO_PROCESS, ${pid}, os.getpriority(os.PRIO_PROCESS, ${pid}))\n'ESCAPED'`,
  ],
  ["its processors", `import os\nos.sched_setaffinity(${pid}, os.sched_getaffinity(${pid}))\n'ESCAPED'`],
  ["its limits", `import resource\n${when(`resource.prlimit(${pid}, resource.RLIMIT_CORE)`)}`],
  ["its group", `import os\n${when(`os.getpgid(${pid}) > 0`)}`],
  ["its comparison with this one", `${calls}${when(`S(312, os.getpid(), ${pid}, 0, 0, 0) >= 0`)}`],
];

/** Sockets and what lies behind them. */
const network = ({ port }: Outside): Attempts => [
  ["a connection", `import socket\nsocket.create_connection(('127.0.0.1', ${port}), 2)\n'ESCAPED'`],
  [
    "a connection of every form of the address",
    `import socket\ndef reach(h):\n    try: socket.create_connection((h, ${port}), 2); return True\n    except OSError: return False\n${when("any(reach(h) for h in ('0.0.0.0', '127.1', '0x7f.1', '::ffff:127.0.0.1', 'localhost'))")}`,
  ],
  [
    "a request",
    `import urllib.request\n${when(`urllib.request.urlopen('http://127.0.0.1:${port}/', timeout=2).read() == b'reached'`)}`,
  ],
  ["asyncio", `import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', ${port}))\n'ESCAPED'`],
  [
    "bash",
    `import subprocess\nsubprocess.run(['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/${port}'], check=True, timeout=4, stderr=-3)\n'ESCAPED'`,
  ],
  [
    "a connection without a socket's module",
    `${calls}import struct\nfd = S(41, 2, 1, 0)\n${when(`S(42, fd, struct.pack('!2xH4s8x', ${port}, bytes([127, 0, 0, 1])).replace(b'\\0\\0', b'\\x02\\0', 1), 16) == 0`)}`,
  ],
  [
    "a connection in a thread",
    `import socket, threading; got = []\nt = threading.Thread(target=lambda: got.append(socket.create_connection(('127.0.0.1', ${port}), 2))); t.start(); t.join()\n${when("got")}`,
  ],
  ["packets", "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)\n'ESCAPED'"],
  ["raw addresses", "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\n'ESCAPED'"],
  ["the kernel's own messages", "import socket\nsocket.socket(16, socket.SOCK_RAW, 15)\n'ESCAPED'"],
  ["the host of a virtual machine", "import socket\nsocket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)\n'ESCAPED'"],
  [
    "the listener in the kernel's table",
    `${when(`'${port.toString(16).toUpperCase().padStart(4, "0")}' in open('/proc/net/tcp').read()`)}`,
  ],
];

/** Doors of the kernel that harmless programs never use. */
const kernel: Attempts = [
  ["io_uring", `${calls}${when("S(425, 8, buffer(200)) >= 0")}`],
  ["userfaultfd", `${calls}${when("S(323, 1) >= 0")}`],
  ["bpf", `${calls}import struct\n${when("S(321, 0, buffer(struct.pack('4I', 2, 4, 8, 1), 100), 72) >= 0")}`],
  ["perf", `${calls}${when("S(298, buffer(b'\\x01\\0\\0\\0\\x80\\0\\0\\0', 128), 0, -1, -1, 0) >= 0")}`],
  ["a key that outlives this program", `${calls}${when("S(248, b'user', b'held', b'x', 1, -2) > 0")}`],
  ["the keys of the session", `${calls}${when("S(250, 0, -3, 1) > 0")}`],
  ["fanotify", `${calls}${when("S(300, 0, 0) >= 0")}`],
  ["a copy of a mount", `${calls}${when("S(428, -100, b'/', 1) >= 0")}`],
  ["a file system without a place", `${calls}${when("S(430, b'tmpfs', 0) >= 0")}`],
  ["a space of users", inChild("S(272, 0x10000000) == 0")],
  ["a space of mounts", inChild("S(272, 0x20000) == 0")],
  ["a space of mounts, behind one of users", inChild("S(272, 0x10020000) == 0")],
  ["a network of its own", inChild("S(272, 0x50000000) == 0")],
  ["processes of its own", inChild("S(272, 0x30000000) == 0")],
  [
    "the command unshare",
    `import subprocess\n${when("subprocess.run(['unshare', '-Ur', 'true'], stderr=-3).returncode == 0")}`,
  ],
  [
    "a mount",
    inChild(
      "S(272, 0x20000) == 0 and L.mount(b'none', b'/', None, 0x44000, None) == 0 and L.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None) == 0",
    ),
  ],
  ["the name of the host", `${calls}n = os.uname().nodename.encode()\n${when("L.sethostname(n, len(n)) == 0")}`],
  ["addresses that are not random", inChild("S(135, 0x0040000) >= 0")],
  ["the kernel's log", `${calls}${when("S(103, 3, buffer(4096), 4096) > 0")}`],
  [
    "a program that is not a file",
    inChild(
      "(lambda f: (os.write(f, open('/bin/true', 'rb').read()), os.execve(f, ['x'], {}))[1])(os.memfd_create('x'))",
    ),
  ],
  ["secret memory", `${calls}${when("S(447, 0) >= 0")}`],
  ["a descriptor table of the processor", `${calls}${when("S(154, 0, buffer(4096), 4096) >= 0")}`],
  ["a queue of messages", `${calls}${when("S(240, b'held', 0o102, 0o600, 0) >= 0 and S(241, b'held') == 0")}`],
  [
    "a filter of its own, with a listener",
    inChild(
      "(lambda f: L.prctl(38, 1, 0, 0, 0) == 0 and S(317, 1, 8, ctypes.byref((ctypes.c_ulong * 2)(1, ctypes.addressof(f)))) >= 0)(buffer(b'\\x06\\0\\0\\0\\0\\0\\xff\\x7f'))",
    ),
  ],
  ["the pattern of core files", `import os\n${when("os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY) >= 0")}`],
  [
    "how likely this process is to be killed",
    "import os\nopen('/proc/self/oom_score_adj', 'w').write('-1')\nopen('/proc/self/oom_score_adj', 'w').write('0')\n'ESCAPED'",
  ],
  ["the kernel's messages", `import os\n${when("os.open('/dev/kmsg', os.O_WRONLY) >= 0")}`],
  [
    "a disk",
    "import os, tempfile\np = tempfile.mkdtemp() + '/d'\nos.mknod(p, 0o60600, os.makedev(254, 0))\n" +
      when("os.stat(p).st_rdev"),
  ],
  ["all of /sys", `import os\n${when("os.listdir('/sys/kernel')")}`],
  [
    "a tracer of its children",
    `${calls}p = os.fork()\nif p == 0: os.pause() if hasattr(os, 'pause') else __import__('signal').pause()\nr = S(101, 0x4206, p, 0, 0); os.kill(p, 9); os.waitpid(p, 0)\n${when("r == 0")}`,
  ],
];

/** Being somebody else, and lifting one's own limits. */
const powers: Attempts = [
  ["the user root", `import os\n${when("os.getuid() == 0 or os.geteuid() == 0")}`],
  ["another user", inChild("(os.setuid(12345), os.getuid() == 12345)[1]")],
  ["another group", inChild("(os.setgroups([0]), 0 in os.getgroups())[1]")],
  [
    "a file of another user",
    `import os, tempfile\nf = tempfile.NamedTemporaryFile(); os.chown(f.name, 12345, 12345)\n${when("os.stat(f.name).st_uid == 12345")}`,
  ],
  [
    "powers of the kernel",
    when("int(next(l for l in open('/proc/self/status') if l.startswith('CapEff')).split()[1], 16)"),
  ],
  [
    "powers that could be had again",
    when("int(next(l for l in open('/proc/self/status') if l.startswith('CapBnd')).split()[1], 16)"),
  ],
  ...["AS", "FSIZE", "CPU"].map(
    (limit) =>
      [
        `the limit ${limit}, lifted`,
        `import resource as r\nr.setrlimit(r.RLIMIT_${limit}, (r.RLIM_INFINITY,) * 2)\n${when(`r.getrlimit(r.RLIMIT_${limit})[1] == r.RLIM_INFINITY`)}`,
      ] as const,
  ),
  ["new powers at a new program", when("'NoNewPrivs:\\t0' in open('/proc/self/status').read()")],
  ["no filter of system calls", when("'Seccomp:\\t0' in open('/proc/self/status').read()")],
];

export const reach = (outside: Outside): readonly Attack[] =>
  (
    [
      ["files", files(outside)],
      ["a process outside", processes(outside)],
      ["network", network(outside)],
      ["kernel", kernel],
      ["powers", powers],
    ] as const
  ).flatMap(([group, attempts]) => attempts.map(([name, code]) => ({ name: `${group}: ${name}`, code })));
