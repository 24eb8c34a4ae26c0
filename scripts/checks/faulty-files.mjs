/**
 * Loaded before a program (`NODE_OPTIONS=--import=…`): each call by which it changes files is a moment at which it may die, or
 * the disk be full. With CRASH_AT=k the process kills itself before the k-th of them, with FULL_AT=k that one and all
 * later ones find no room. The program itself knows nothing of it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import files from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [crashAt, fullAt] = [process.env.CRASH_AT, process.env.FULL_AT].map(Number);
let calls = 0;

const before = () => {
  calls += 1;
  if (calls === crashAt) process.kill(process.pid, "SIGKILL");
  if (calls >= fullAt) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
};

/** Puts a moment before each call of a function, or before those that change anything. */
const interrupt = (owner, name, changes = () => true) => {
  const call = owner[name];
  owner[name] = async function (...args) {
    if (changes(...args)) before();
    return call.apply(this, args);
  };
};

const folder = mkdtempSync(join(tmpdir(), "agentflow-faulty-"));
const handle = await files.open(join(folder, "file"), "w");
const methods = Object.getPrototypeOf(handle);
await handle.close();
rmSync(folder, { recursive: true });

interrupt(files, "open", (_, flags = "r") => typeof flags === "string" && /^[wa]/.test(flags));
interrupt(files, "rm", (_, options) => options?.recursive === true);
for (const name of ["rename", "link"]) interrupt(files, name);
for (const name of ["appendFile", "sync", "truncate"]) interrupt(methods, name);
syncBuiltinESMExports();
