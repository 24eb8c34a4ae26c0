import { type Assault, commonLimits, type Limit, processesWith } from "./escape.ts";
import { onBubblewrap } from "./escape-bubblewrap.ts";

const isFull: Limit["holds"] = ({ error }) => /No space/.test(error ?? "");

const limits: readonly Limit[] = [
  ...commonLimits,
  {
    name: "a large file",
    code: "b = bytes(30_000_000)\nf = open('/tmp/x', 'wb')\nwhile True: f.write(b)",
    holds: isFull,
  },
  {
    name: "many files",
    code: "n = 0\nwhile True:\n n += 1\n open('/tmp/%d' % n, 'wb').write(bytes(10**6))",
    holds: isFull,
  },
  {
    name: "many names",
    code: "import os\nn = 0\nwhile True:\n n += 1\n os.mkdir('/tmp/%d' % n)",
    holds: ({ error }) => /No space|more than 5 seconds/.test(error ?? ""),
  },
  { name: "a file with a hole", code: "f = open('/tmp/x', 'wb')\nf.truncate(10**9)", holds: isFull },
  {
    name: "files without a name",
    code: "import os\nk = []\nwhile True:\n f = open('/tmp/x', 'wb')\n os.remove('/tmp/x')\n f.write(bytes(10**6))\n k.append(f)",
    holds: isFull,
  },
  {
    name: "descriptors",
    code: "import os\nwhile True: os.open('/tmp/a', os.O_CREAT | os.O_RDWR)",
    holds: ({ error }) => /descriptor|files open/.test(error ?? ""),
  },
  {
    name: "the library",
    code: "open('/usr/local/lib/python315.zip', 'wb')",
    holds: ({ error }) => /denied/.test(error ?? ""),
  },
  {
    name: "the host",
    code: "import host\nfrom host import tools\ntools.anything()",
    holds: ({ error }) => /no tools/.test(error ?? ""),
  },
  {
    name: "a result without an end",
    code: "import os\nwhile True: os.write(1000, b'x' * 10**6)",
    holds: ({ error }) => /too long/.test(error ?? ""),
  },
  {
    name: "a result after all descriptors were closed",
    code: "import os\nfor fd in range(2000):\n  try: os.close(fd)\n  except OSError: pass\n'still here'",
    holds: ({ value }) => value === "still here",
  },
  {
    name: "a result after all descriptors were taken",
    code: "import os\ntry:\n  while True: os.open('/tmp/x', os.O_CREAT)\nexcept OSError: pass\n'still here'",
    holds: ({ value }) => value === "still here",
  },
];

/** Attacks on CPython for WASI: what CPython can do on a machine, and there is no JavaScript in between. */
export const onWasi: Assault = {
  attacks: onBubblewrap.attacks,
  limits,
  unguarded: onBubblewrap.unguarded,
  left: () => processesWith("wasm-max-mem-pages"),
};
