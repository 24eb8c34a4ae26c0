import { execFileSync } from "node:child_process";
import type { RunResult } from "../../src/sandbox/index.ts";

/** What an attack tries to reach, outside of the sandbox. */
export interface Outside {
  /** A file that holds the canary. */
  readonly canary: string;
  /** A file that does not exist: who gets out can make it. */
  readonly writable: string;
  /** Of a listener on this machine's loopback that counts its connections. */
  readonly port: number;
  /** A process of this machine. */
  readonly pid: number;
}

/** What no program may ever say: it stands in a file and in the environment of whoever starts the sandbox. */
export const CANARY = "canary-7d41e0b9";
export const SECRET = "SECRET_CANARY";

/** How long a limit's program may run before it is ended, in seconds. */
export const LIMIT_SECONDS = 5;

/** A program whose value is `ESCAPED` where nothing holds it. */
export interface Attack {
  readonly name: string;
  readonly code: string;
}

/** A program that takes what it should not have, and whether its result shows that it did not get it. */
export interface Limit {
  readonly name: string;
  readonly code: string;
  readonly holds: (result: RunResult) => boolean;
  /** Programs that are run before it, in their order, whatever comes of them. */
  readonly before?: readonly string[];
}

/** Attacks on one tier, and how they fare without it. */
export interface Assault {
  attacks(outside: Outside): readonly Attack[];
  readonly limits: readonly Limit[];
  /** What the programs give where nothing holds them, in their order. */
  unguarded(attacks: readonly Attack[]): Promise<readonly string[]>;
  /** How many interpreters of the tier are running. */
  left(): number;
}

/** Whether a program ended in an error. */
export const isError = ({ error }: RunResult): boolean => error !== undefined;

/** Limits that hold alike wherever Python runs. */
export const commonLimits: readonly Limit[] = [
  { name: "time", code: "import time\ntime.sleep(60)", holds: ({ error }) => /more than 5 seconds/.test(error ?? "") },
  { name: "computing", code: "while True: pass", holds: ({ error }) => /more than 5 seconds|ended/.test(error ?? "") },
  {
    name: "memory",
    code: "x = bytearray(900_000_000)\nlen(x)",
    holds: ({ error }) => /Memory|died|ended/.test(error ?? ""),
  },
  {
    name: "memory, in steps",
    code: "x = []\nwhile True: x.append(bytearray(10_000_000))",
    holds: ({ error }) => /Memory|died|ended/.test(error ?? ""),
  },
  {
    name: "output",
    code: "print('x' * 10_000_000)",
    holds: ({ stdout, truncated }) => truncated && stdout.length <= 16_384,
  },
  {
    name: "value",
    code: "'x' * 10_000_000",
    holds: ({ value, truncated }) => truncated && (value ?? "").length <= 16_384,
  },
  { name: "recursion", code: "def f(): return f()\nf()", holds: isError },
  {
    name: "environment",
    code: "import os\n'SECRET_CANARY' in os.environ or any('canary' in v for v in os.environ.values())",
    holds: ({ value }) => value === "False",
  },
  { name: "what the last program left", code: "'leftover' in globals()", holds: ({ value }) => value === "False" },
];

/** Programs that do no harm, and what they give. */
export const harmless: readonly (readonly [string, string])[] = [
  ["6 * 7", "42"],
  ["from datetime import date\n(date(2024, 2, 29) - date(2000, 1, 1)).days", "8825"],
  ["import math\nround(math.pi, 4)", "3.1416"],
  ["leftover = 1\nfrom fractions import Fraction\nstr(Fraction(1, 3) + Fraction(1, 6))", "1/2"],
  [
    "import json, re, itertools, collections, statistics, decimal, random\nlen(list(itertools.permutations('abcd')))",
    "24",
  ],
  ["open('/tmp/x', 'w').write('hello')\nopen('/tmp/x').read()", "hello"],
];

/**
 * How many processes with a word among their arguments are this check's, or nobody's: descendants of this process, and those
 * whose starter has died. Sandboxes of other programs on this machine have an owner that lives.
 */
export const processesWith = (word: string): number => {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { maxBuffer: 2 ** 26 })
    .toString()
    .split("\n")
    .flatMap((line) => {
      const [, pid, parent, args = ""] = /^\s*(\d+)\s+(\d+)\s(.*)$/.exec(line) ?? [];
      return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), args }];
    });
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const isOthers = (parent: number): boolean => {
    const row = byPid.get(parent);
    if (row === undefined || parent <= 1) return false;
    if (parent === process.pid) return false;
    // A wrapper such as bwrap belongs to what it wraps.
    return /(?:^|\/)(?:node|npm|vitest)\b/.test(row.args) && !row.args.includes(word) ? true : isOthers(row.parent);
  };
  return rows.filter(({ args, parent }) => args.includes(word) && !isOthers(parent)).length;
};
