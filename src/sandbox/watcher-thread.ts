/**
 * The watching thread, as text, so that it starts alike from sources and from the built package. It gets
 * `{ id, pid, group, kilobytes, deadline, state }` to watch a process, and `{ id }` to stop. It says in `state` why it
 * ended a process before it does: 1 memory, 2 time. `deadline` is on the monotonic clock, in milliseconds; 0 is not a limit.
 */
export const WATCHER_THREAD = String.raw`
const { execFileSync } = require("node:child_process");
const { existsSync, readdirSync, readFileSync } = require("node:fs");
const { parentPort } = require("node:worker_threads");

const windows = process.platform === "win32";
const hasProc = existsSync("/proc/thread-self/children");
const [QUICK, USUAL] = hasProc ? [5, 20] : [100, 100];
const watched = new Map();
let timer;

const gone = (error) => ["ENOENT", "ESRCH", "EACCES"].includes(error.code);
const reading = (read, otherwise) => {
  try {
    return read();
  } catch (error) {
    // Processes end while they are looked at.
    if (gone(error)) return otherwise;
    throw error;
  }
};

const childrenOf = (pid) =>
  reading(() => readdirSync("/proc/" + pid + "/task"), []).flatMap((task) =>
    reading(() => readFileSync("/proc/" + pid + "/task/" + task + "/children", "utf8"), "").split(" ").filter(Boolean));

const kilobytesOf = (pid) => {
  const status = reading(() => readFileSync("/proc/" + pid + "/status", "utf8"), "");
  let sum = 0;
  for (const [, kilobytes] of status.matchAll(/^(?:RssAnon|RssShmem|VmSwap|VmPTE):\s*(\d+)/gm)) sum += Number(kilobytes);
  return sum;
};

/** Pids and memory of a process and all that descends from it. */
const familyFromProc = (root) => {
  const pids = [String(root)];
  for (const pid of pids) pids.push(...childrenOf(pid));
  return { pids, kilobytes: pids.reduce((sum, pid) => sum + kilobytesOf(pid), 0) };
};

const table = () =>
  execFileSync("ps", ["-axo", "pid=,ppid=,rss="], { encoding: "utf8", maxBuffer: 2 ** 26 })
    .trim().split("\n").map((row) => row.trim().split(/\s+/));

const familyFromTable = (root, rows) => {
  const pids = [String(root)];
  for (const parent of pids) pids.push(...rows.filter(([, ppid]) => ppid === parent).map(([pid]) => pid));
  return { pids, kilobytes: rows.filter(([pid]) => pids.includes(pid)).reduce((sum, [, , rss]) => sum + Number(rss), 0) };
};

const end = ({ id, pid, group, state }, why, pids) => {
  Atomics.store(state, 0, why);
  watched.delete(id);
  for (const one of [group && !windows ? -pid : pid, ...pids])
    reading(() => process.kill(Number(one), "SIGKILL"), undefined);
};

const look = () => {
  timer = undefined;
  let soon = USUAL;
  const now = Number(process.hrtime.bigint() / 1000000n);
  const limited = [...watched.values()].some(({ kilobytes }) => kilobytes > 0) && !windows;
  const rows = limited && !hasProc ? table() : [];
  for (const one of watched.values()) {
    const { pid, kilobytes, deadline } = one;
    const family = kilobytes === 0 || windows ? { pids: [], kilobytes: 0 } : hasProc ? familyFromProc(pid) : familyFromTable(pid, rows);
    if (family.kilobytes > kilobytes && kilobytes > 0) end(one, 1, family.pids);
    else if (deadline > 0 && now >= deadline) end(one, 2, family.pids);
    else if (family.kilobytes > kilobytes / 2) soon = QUICK;
  }
  if (watched.size > 0) timer = setTimeout(look, soon);
};

parentPort.on("message", (message) => {
  if (message.pid === undefined) watched.delete(message.id);
  else {
    watched.set(message.id, message);
    timer ??= setTimeout(look, 0);
  }
});
`;
