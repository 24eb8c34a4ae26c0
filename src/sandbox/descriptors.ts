import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

const CLOSE_ON_EXEC = 0o2000000;

/**
 * Lets a process be spawned that finds /dev/null where it would inherit a descriptor from us. Node's own descriptors close
 * when a program is started; those of native modules may not, and an open folder leads out of any namespace. `first` is
 * the first descriptor that is not meant for the process; `start` gets what follows in `stdio`. Linux; macOS inherits none.
 */
export const coveringInherited = <T>(first: number, start: (rest: readonly (number | "ignore")[]) => T): T => {
  const inherited = new Set(inheritedDescriptors().filter((descriptor) => descriptor >= first));
  if (inherited.size === 0) return start([]);
  const nothing = openSync("/dev/null", "r");
  try {
    const count = Math.max(...inherited) + 1 - first;
    return start(Array.from({ length: count }, (_, i) => (inherited.has(first + i) ? nothing : "ignore")));
  } finally {
    closeSync(nothing);
  }
};

/** Descriptors above 2 that a program started by us would inherit. */
const inheritedDescriptors = (): number[] => {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => descriptor > 2 && !closesOnExec(descriptor));
};

const closesOnExec = (descriptor: number): boolean => {
  try {
    const [, flags = "0"] = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")) ?? [];
    return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
  } catch {
    // It was the listing's own, or has been closed since.
    return true;
  }
};
