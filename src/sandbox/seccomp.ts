/** Calls of the system that a program for computing never needs, and that have opened doors before: by number on x86-64 and arm64, −1 where there is none. */
const refused: readonly (readonly [name: string, x64: number, arm64: number])[] = [
  // Namespaces, mounts, and what looks into them.
  ["unshare", 272, 97],
  ["setns", 308, 268],
  ["mount", 165, 40],
  ["umount2", 166, 39],
  ["pivot_root", 155, 41],
  ["chroot", 161, 51],
  ["open_tree", 428, 428],
  ["move_mount", 429, 429],
  ["fsopen", 430, 430],
  ["fsconfig", 431, 431],
  ["fsmount", 432, 432],
  ["fspick", 433, 433],
  ["mount_setattr", 442, 442],
  ["name_to_handle_at", 303, 264],
  ["open_by_handle_at", 304, 265],
  // Other processes.
  ["ptrace", 101, 117],
  ["process_vm_readv", 310, 270],
  ["process_vm_writev", 311, 271],
  ["pidfd_getfd", 438, 438],
  ["kcmp", 312, 272],
  // What holds memory that no limit on a process counts: files without a name, System V and POSIX queues and segments,
  // pages pinned by pipes, larger buffers of sockets, descriptors on their way through one, watches of files, rules about
  // files, asynchronous requests.
  ["memfd_create", 319, 279],
  ["memfd_secret", 447, 447],
  ["shmget", 29, 194],
  ["msgget", 68, 186],
  ["semget", 64, 190],
  ["mq_open", 240, 180],
  ["splice", 275, 76],
  ["tee", 276, 77],
  ["vmsplice", 278, 75],
  ["setsockopt", 54, 208],
  ["sendmsg", 46, 211],
  ["sendmmsg", 307, 269],
  ["landlock_create_ruleset", 444, 444],
  ["inotify_init", 253, -1],
  ["inotify_init1", 294, 26],
  ["fanotify_init", 300, 262],
  ["io_setup", 206, 0],
  // Other processes cannot be started: what one process holds is all that the program holds.
  ["fork", 57, -1],
  ["vfork", 58, -1],
  // Large parts of the kernel.
  ["bpf", 321, 280],
  ["perf_event_open", 298, 241],
  ["io_uring_setup", 425, 425],
  ["io_uring_enter", 426, 426],
  ["io_uring_register", 427, 427],
  ["userfaultfd", 323, 282],
  ["add_key", 248, 217],
  ["request_key", 249, 218],
  ["keyctl", 250, 219],
  ["personality", 135, 92],
  // The machine itself.
  ["init_module", 175, 105],
  ["finit_module", 313, 273],
  ["delete_module", 176, 106],
  ["kexec_load", 246, 104],
  ["kexec_file_load", 320, 294],
  ["reboot", 169, 142],
  ["swapon", 167, 224],
  ["swapoff", 168, 225],
  ["acct", 163, 89],
  ["quotactl", 179, 60],
  ["syslog", 103, 116],
  ["sethostname", 170, 161],
  ["setdomainname", 171, 162],
  ["modify_ldt", 154, -1],
  ["iopl", 172, -1],
  ["ioperm", 173, -1],
];

const machines = {
  x64: { audit: 0xc000003e, clone: 56, clone3: 435, socket: 41, fcntl: 72 },
  arm64: { audit: 0xc00000b7, clone: 220, clone3: 435, socket: 198, fcntl: 25 },
} as const;

/** Flags of clone that make namespaces, and the one that makes a thread. */
const NEW_NAMESPACES = 0x7e02_0000;
const CLONE_THREAD = 0x0001_0000;
/** Commands of fcntl that lock a part of a file: F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW. Each lock costs the kernel memory. */
const LOCKS = [6, 7, 37, 38];
const AF_UNIX = 1;

// Instructions of classic BPF, and what it returns (linux/filter.h, linux/seccomp.h).
const LOAD = 0x20;
const IF_EQUAL = 0x15;
const IF_AT_LEAST = 0x35;
const IF_ANY_BIT = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff_0000;
const KILL = 0x8000_0000;
const REFUSE = 0x0005_0000;
const [EPERM, ENOSYS] = [1, 38];
// Where the kernel keeps the call's number, its machine and the low halves of its first two arguments.
const [NUMBER, MACHINE, FIRST, SECOND] = [0, 4, 16, 24];

/**
 * A filter of system calls as bubblewrap takes it (`--seccomp`): the calls above, new processes and new namespaces are
 * refused, sockets are local ones only, calls of another machine's numbering end the program. Undefined for a processor that
 * it is not written for.
 */
export const seccompFilter = (architecture: string = process.arch): Buffer | undefined => {
  if (architecture !== "x64" && architecture !== "arm64") return undefined;
  const { audit, clone, clone3, socket, fcntl } = machines[architecture];
  const numbers = refused.flatMap(([, x64, arm64]) => {
    const number = architecture === "x64" ? x64 : arm64;
    return number < 0 ? [] : [number];
  });
  /** What follows the test is skipped when it does not hold. */
  const when = (test: number, value: number, then: readonly Instruction[]): Instruction[] => [
    [test, 0, then.length, value],
    ...then,
  ];
  const program: Instruction[] = [
    [LOAD, 0, 0, MACHINE],
    [IF_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, NUMBER],
    // The x32 numbering of x86-64.
    ...when(IF_AT_LEAST, 0x4000_0000, [[RETURN, 0, 0, KILL]]),
    ...numbers.flatMap((number) => when(IF_EQUAL, number, [[RETURN, 0, 0, REFUSE | EPERM]])),
    // Its flags lie in memory, where no filter can look: the C library falls back to clone.
    ...when(IF_EQUAL, clone3, [[RETURN, 0, 0, REFUSE | ENOSYS]]),
    ...when(IF_EQUAL, clone, [
      [LOAD, 0, 0, FIRST],
      ...when(IF_ANY_BIT, NEW_NAMESPACES, [[RETURN, 0, 0, REFUSE | EPERM]]),
      ...when(IF_ANY_BIT, CLONE_THREAD, [[RETURN, 0, 0, ALLOW]]),
      [RETURN, 0, 0, REFUSE | EPERM],
    ]),
    // The only process needs no locks: it sees them as taken.
    ...when(IF_EQUAL, fcntl, [
      [LOAD, 0, 0, SECOND],
      ...LOCKS.flatMap((command) => when(IF_EQUAL, command, [[RETURN, 0, 0, REFUSE]])),
      [RETURN, 0, 0, ALLOW],
    ]),
    ...when(IF_EQUAL, socket, [
      [LOAD, 0, 0, FIRST],
      ...when(IF_EQUAL, AF_UNIX, [[RETURN, 0, 0, ALLOW]]),
      [RETURN, 0, 0, REFUSE | EPERM],
    ]),
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(8 * program.length);
  for (const [i, [code, yes, no, value]] of program.entries()) {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(yes, 8 * i + 2);
    bytes.writeUInt8(no, 8 * i + 3);
    bytes.writeUInt32LE(value >>> 0, 8 * i + 4);
  }
  return bytes;
};

/** `[code, instructions to skip when it holds, when it does not, value]`. */
type Instruction = readonly [code: number, yes: number, no: number, value: number];
