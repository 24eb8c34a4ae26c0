/**
 * What `threads.ts` starts: a process that holds one thread, which does the work, and stays free itself. It ends with the
 * process that started it, and when the work takes more memory than it may, whatever kind of memory that is.
 */
import { Worker } from "node:worker_threads";
import type { ThreadReply } from "./threads.ts";

const [, , entry = "", module = "", megabytes = "256", fromSource = ""] = process.argv;
const reply = (message: ThreadReply): void => void process.send?.(message);
const WATCH_MILLISECONDS = 50;
/** Of a process that has done nothing yet. */
const BASE_MEGABYTES = 192;

const options = {
  workerData: { entry, module },
  env: {},
  execArgv: [],
  stdout: true,
  stderr: true,
  resourceLimits: { maxOldGenerationSizeMb: Number(megabytes), maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
};
const worker =
  fromSource === "" ? new Worker(new URL(entry), options) : new Worker(fromSource, { ...options, eval: true });
worker.stdout.resume();
worker.stderr.resume();

const watch = (): void => {
  const used = process.memoryUsage.rss() / 2 ** 20;
  if (used <= Number(megabytes) + BASE_MEGABYTES) return;
  process.send?.({ type: "memory", message: "" } satisfies ThreadReply, () => process.kill(process.pid, "SIGKILL"));
};
let watching: NodeJS.Timeout | undefined;

worker.on("message", (message: ThreadReply) => {
  clearInterval(watching);
  reply(message);
});
worker.on("error", (error: NodeJS.ErrnoException) => {
  const type = error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "memory" : "broken";
  reply({ type, message: error.message });
});
process.on("message", (call) => {
  watching = setInterval(watch, WATCH_MILLISECONDS);
  worker.postMessage(call);
});
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
