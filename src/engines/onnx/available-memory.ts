import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not this kind of system: the caller looks elsewhere.
    return undefined;
  }
};

const lineOf = (text: string | undefined, key: string): number | undefined => {
  for (const [, name, value] of (text ?? "").matchAll(/^([\w()]+):?[ \t]+(\d+)/gm))
    if (name === key) return Number(value);
  return undefined;
};

/** Room in one control group; file pages that nobody uses count as room, since the kernel gives them up first. */
const roomOf = (folder: string): number => {
  const [limit, use] =
    read(join(folder, "memory.max")) !== undefined
      ? ["memory.max", "memory.current"]
      : ["memory.limit_in_bytes", "memory.usage_in_bytes"];
  const most = Number.parseInt(read(join(folder, limit)) ?? "", 10);
  const used = Number.parseInt(read(join(folder, use)) ?? "", 10);
  if (!Number.isFinite(most) || !Number.isFinite(used)) return Number.POSITIVE_INFINITY;
  const stat = read(join(folder, "memory.stat"));
  return Math.max(0, most - used + (lineOf(stat, "inactive_file") ?? 0));
};

/** Room in the control groups of this process, up to the outermost; both generations of them. */
const groupRoom = (root: string): number => {
  let room = Number.POSITIVE_INFINITY;
  for (const line of (read(join(root, "proc/self/cgroup")) ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || !(controllers === "" || controllers?.split(",").includes("memory"))) continue;
    const mount = join(root, "sys/fs/cgroup", controllers === "" ? "" : "memory");
    for (let folder = join(mount, path); folder.startsWith(mount); folder = dirname(folder))
      room = Math.min(room, roomOf(folder));
  }
  return room;
};

/**
 * Bytes that this process can still take without swapping: what the kernel calls available, or what the limit of its
 * container leaves, whichever is less. `root` is where the system's files are, for tests.
 */
export const availableMemory = (root = "/"): number => {
  const kibibytes = lineOf(read(join(root, "proc/meminfo")), "MemAvailable");
  return kibibytes === undefined ? process.availableMemory() : Math.min(kibibytes * 1024, groupRoom(root));
};
