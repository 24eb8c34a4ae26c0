import type { Attack } from "../escape.ts";

const MB = 1024 * 1024;
type Attempts = readonly (readonly [name: string, code: string])[];

/** Files of 4 MB, so that a limit on the size of one does not bite. */
const hoard = (folder: string, megabytes: number) => `import os, shutil
d = '${folder}/hoard'; os.makedirs(d); n = 0
try:
    for i in range(${megabytes / 4}): n += open(f'{d}/{i}', 'wb').write(b'x' * ${4 * MB})
finally: shutil.rmtree(d)
'ESCAPED' if n == ${megabytes * MB} else n`;

/** More memory than any program gets, where no limit of a process counts it. */
const memory: Attempts = [
  ...["/dev/shm", "/tmp", "/dev", "/run", "/var/tmp", "/home", ""].map(
    (folder) => [`200 MB in ${folder || "/"}`, hoard(folder, 200)] as const,
  ),
  [
    "segments of System V",
    `import ctypes
L = ctypes.CDLL(None); L.shmat.restype = ctypes.c_void_p; ids = []
for _ in range(12):
    i = L.shmget(0, ${50 * MB}, 0o1600)
    if i < 0: break
    a = L.shmat(i, None, 0); ctypes.memset(a, 1, ${50 * MB}); ids.append(i); L.shmdt(ctypes.c_void_p(a))
for i in ids: L.shmctl(i, 0, None)
'ESCAPED' if len(ids) == 12 else len(ids)`,
  ],
  [
    "files without a name, on their way through a socket",
    `import array, os, socket
n, pairs = 0, []
for _ in range(15):
    a, b = socket.socketpair(); pairs.append((a, b))
    for _ in range(10):
        f = os.memfd_create('x'); n += os.write(f, b'x' * ${4 * MB})
        a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [f]))]); os.close(f)
'ESCAPED' if n == ${600 * MB} else n`,
  ],
  [
    "eight children of 75 MB",
    `import os, time
r, w = os.pipe(); kids = []
for _ in range(8):
    p = os.fork()
    if p == 0:
        try: x = b'x' * ${75 * MB}; os.write(w, b'.'); time.sleep(3)
        finally: os._exit(0)
    kids.append(p)
os.close(w); n = 0
while b := os.read(r, 1): n += 1
for p in kids: os.waitpid(p, 0)
'ESCAPED' if n == 8 else n`,
  ],
  [
    "mappings that children share",
    `import mmap, os
maps = []
for _ in range(6): m = mmap.mmap(-1, ${100 * MB}); m.write(b'x' * ${100 * MB}); maps.append(m)
'ESCAPED' if len(maps) == 6 else 'held'`,
  ],
  [
    "a mapping of a file without a name, by children",
    `import mmap, os
ok = 0
for _ in range(6):
    f = os.memfd_create('x'); os.ftruncate(f, ${100 * MB}); m = mmap.mmap(f, ${100 * MB}); m.write(b'x' * ${100 * MB}); m.close(); ok += 1
'ESCAPED' if ok == 6 else ok`,
  ],
];

const numbers: Attempts = [
  [
    "300 children",
    `import os
r, w = os.pipe(); kids = []
try:
    for _ in range(300):
        p = os.fork()
        if p == 0: os.close(w); os.read(r, 1); os._exit(0)
        kids.append(p)
finally: os.close(w); [os.waitpid(p, 0) for p in kids]
'ESCAPED' if len(kids) == 300 else len(kids)`,
  ],
  [
    "300 threads",
    `import threading
go = threading.Event(); threads = []
try:
    for _ in range(300): t = threading.Thread(target=go.wait); t.start(); threads.append(t)
finally: go.set()
'ESCAPED' if len(threads) == 300 else len(threads)`,
  ],
  ["900 descriptors", "import os\nx = [os.open('/', 0) for _ in range(900)]\n'ESCAPED'"],
  ["900 descriptors, copied", "import os\nx = [os.dup(1) for _ in range(900)]\n'ESCAPED'"],
  [
    "900 descriptors on their way through sockets",
    `import array, os, socket
n, pairs = 0, []
for _ in range(20):
    a, b = socket.socketpair(); pairs.append((a, b))
    for _ in range(45): a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [1]))]); n += 1
'ESCAPED' if n == 900 else n`,
  ],
  [
    "20,000 names",
    "import os, shutil\nos.makedirs('/tmp/names')\ntry:\n    for i in range(20_000): os.symlink('x', f'/tmp/names/{i}')\nfinally: shutil.rmtree('/tmp/names')\n'ESCAPED'",
  ],
];

/** A reply that this program did not get from its runner. */
const reply = `'\\n{"value": "ESCAPED"}\\n'`;
const protocol: Attempts = [
  ["on standard output", `print(${reply}, flush=True)\n'held'`],
  ["on descriptor 1", `import os\nos.write(1, ${reply}.encode())\n'held'`],
  ["on /dev/stdout", `open('/dev/stdout', 'w').write(${reply})\n'held'`],
  ["on /proc/self/fd/1", `open('/proc/self/fd/1', 'w').write(${reply})\n'held'`],
  ["on the parent's descriptor", `import os\nopen(f'/proc/{os.getppid()}/fd/1', 'w').write(${reply})\n'held'`],
  ["by a command", `import os\nos.system("echo; echo '{\\"value\\": \\"ESCAPED\\"}'")\n'held'`],
  [
    "by a child that lives on",
    `import os\nif os.fork() == 0:\n    os.write(1, ${reply}.encode()); os._exit(0)\nos.wait()\n'held'`,
  ],
  ["at the exit", `import atexit, os\natexit.register(lambda: os.write(1, ${reply}.encode()))\nraise SystemExit`],
  [
    "by the runner's own json",
    `import json\nold = json.dumps\njson.dumps = lambda *a, **k: old({'value': 'ESCAPED'})\n'held'`,
  ],
  [
    "by a new program in this process",
    `import os\nos.execvp('sh', ['sh', '-c', 'echo; echo "{\\\\"value\\\\": \\\\"ESCAPED\\\\"}"'])`,
  ],
  [
    "before a signal ends it",
    `import os, signal\nos.write(1, ${reply}.encode())\nos.kill(os.getpid(), signal.SIGKILL)`,
  ],
  ["what stands on standard input", "'ESCAPED' if 'canary' in input() else 'held'"],
  ["what stands on descriptor 0", "import os\n'ESCAPED' if b'canary' in os.read(0, 99) else 'held'"],
  ["what stands on /proc/self/fd/0", "'ESCAPED' if 'canary' in open('/proc/self/fd/0').readline() else 'held'"],
];

export const amounts: readonly Attack[] = (
  [
    ["memory", memory],
    ["numbers", numbers],
    ["reply", protocol],
  ] as const
).flatMap(([group, attempts]) => attempts.map(([name, code]) => ({ name: `${group}: ${name}`, code })));
