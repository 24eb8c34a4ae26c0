import { lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { SandboxError } from "../errors.ts";
import { seccompFilter } from "./seccomp.ts";

export interface BubblewrapCommandOptions {
  /** Whom the program runs as where we are root; never 0. Otherwise it runs as we do. */
  readonly user: number;
  /**
   * Most memory of the program, kept by the kernel. "address space" counts all that is mapped. "data" counts what is
   * private and can be written; it suits a program that reserves far more than it uses, such as Node.
   */
  readonly memory: { readonly megabytes: number; readonly counted: "address space" | "data" };
  /** Most CPU seconds of the program. @default no limit */
  readonly cpuSeconds?: number;
  /** Most threads. @default 32 */
  readonly threads?: number;
  /** Size of /tmp, the one folder that can be written; 0 for none. @default 0 */
  readonly writableMegabytes?: number;
  /** Files and folders of the host that the program can read besides /usr, each where it lies. @default none */
  readonly readable?: readonly string[];
  /** Files that the program can read, with their contents. @default none */
  readonly files?: readonly { readonly path: string; readonly bytes: Uint8Array }[];
  /** The program, by its path, and its arguments. */
  readonly program: readonly string[];
}

export interface BubblewrapCommand {
  readonly command: readonly string[];
  /** The whole environment of the command; the program's is empty. */
  readonly env: Readonly<Record<string, string>>;
  /** What the command has to find on descriptors 3, 4, …. */
  readonly inputs: readonly Uint8Array[];
}

/** A tmpfs costs a kilobyte of the kernel's memory a file, however small the file. */
const MOST_FILES = 1024;
const MOST_DESCRIPTORS = 64;
const LARGEST_FILE_MEGABYTES = 8;

/**
 * The command that runs a program in namespaces of its own: no network, no /proc, nothing of the host but /usr and what is
 * named, everything read-only but a bounded /tmp, a filter of system calls, limits of the kernel. The program is one
 * process and can start no other, so a limit on its memory is a limit on all of it. It ends when its parent does: hand it
 * its work only after it has said something, for its parent may have died while it was started. Throws `SandboxError` on a
 * processor without a filter.
 */
export const bubblewrapCommand = ({
  user,
  memory: { megabytes, counted },
  cpuSeconds,
  threads = 32,
  writableMegabytes = 0,
  readable = [],
  files = [],
  program,
}: BubblewrapCommandOptions): BubblewrapCommand => {
  const filter = seccompFilter();
  if (filter === undefined)
    throw new SandboxError(
      `bubblewrap needs a filter of system calls, and there is none for ${process.arch}: accepted are x64 and arm64. Use the tier "pyodide".`,
    );
  const root = process.getuid?.() === 0;
  const outside = readable.filter((path) => !path.startsWith("/usr/"));
  const hidden = root ? outside.filter((path) => !isOpenToAll(path)) : [];
  const sourceOf = (path: string): string => (hidden.includes(path) ? `${STAGE}/${hidden.indexOf(path)}` : path);
  const command = [
    ...staging(hidden),
    // Root gives its rights up first; whoever is not root has none to give up.
    ...(root ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"] : []),
    ...writing(writableMegabytes),
    "bwrap",
    ...["--ro-bind", "/usr", "/usr", ...systemFolders(), "--dir", "/tmp"],
    ...DEVICES.flatMap((device) => ["--dev-bind", device, device]),
    ...outside.flatMap((path) => ["--ro-bind", sourceOf(path), path]),
    ...files.flatMap(({ path }, i) => ["--ro-bind-data", String(3 + i), path]),
    ...(writableMegabytes > 0 ? ["--bind", WRITABLE, "/tmp"] : []),
    ...["--remount-ro", "/", "--chdir", "/tmp", "--hostname", "sandbox", "--clearenv"],
    ...["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"],
    ...["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--seccomp", String(3 + files.length)],
    // Inside, so that the number of processes is counted within the namespace, and not over all that a user runs.
    "/usr/bin/prlimit",
    counted === "data" ? `--data=${megabytes * 2 ** 20}` : `--as=${megabytes * 2 ** 20}`,
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}`]),
    ...[`--nproc=${threads}`, `--nofile=${MOST_DESCRIPTORS}`, `--fsize=${LARGEST_FILE_MEGABYTES * 2 ** 20}`],
    ...["--core=0", "--memlock=0", "--sigpending=64", "--msgqueue=0", "--"],
    ...program,
  ];
  return {
    command,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    inputs: [...files.map(({ bytes }) => bytes), filter],
  };
};

/** What this Node needs to run in there besides /usr: its executable and the libraries that it was linked with. */
export const nodeFiles = (): string[] => {
  // A line: addresses, permissions, offset, device, inode, path.
  const mapped = readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.includes("x") === true && line.includes("/"))
    .map((line) => line.slice(line.indexOf("/")));
  const files = new Set([process.execPath, ...mapped]);
  return [...files].filter((path) => !path.startsWith("/usr/") && !path.endsWith(".node") && isFile(path));
};

const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
// Folders that every system has and that nothing here needs: in a mount namespace of our own they hold something else.
const STAGE = "/sys";
const WRITABLE = "/run";

/** Binds what a user who is not root may not reach to where that user may. */
const staging = (hidden: readonly string[]): string[] => {
  if (hidden.length === 0) return [];
  const script = `set -e
mount -t tmpfs -o size=1m,nr_inodes=64,mode=755 tmpfs ${STAGE}
i=0
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir ${STAGE}/$i; else : > ${STAGE}/$i; fi
  mount --bind "$1" ${STAGE}/$i
  i=$((i + 1))
  shift
done
shift
exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", ...hidden, "--"];
};

/** Makes a folder to write in. bubblewrap's own have no limit on the number of files. */
const writing = (megabytes: number): string[] => {
  if (megabytes === 0) return [];
  const options = `size=${megabytes}m,nr_inodes=${MOST_FILES},mode=1777,nosuid,nodev`;
  const script = `mount -t tmpfs -o ${options} tmpfs ${WRITABLE} && exec "$@"`;
  return ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
};

/** /bin, /lib and their like, as they are on this system: links into /usr on most, folders on some. */
const systemFolders = (): string[] =>
  ["/bin", "/sbin", "/lib", "/lib32", "/lib64"].flatMap((path) => {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry === undefined) return [];
    return entry.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });

/** Whether any user may reach it. */
const isOpenToAll = (path: string): boolean => {
  const parent = dirname(path);
  if (parent === path) return true;
  return (statSync(parent).mode & 1) !== 0 && isOpenToAll(parent);
};

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
