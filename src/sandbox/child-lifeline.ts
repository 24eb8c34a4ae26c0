/**
 * A thread of the child that no program can reach: it ends the process when the pipe closes that the parent holds open.
 * Limits are the parent's to keep (`watcher.ts`); a child without a parent has nothing left to do.
 */
const LIFELINE = `
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
const end = () => process.kill(process.pid, "SIGKILL");
new Socket({ fd: workerData, readable: true, writable: false }).on("error", end).on("close", end).resume();
parentPort.postMessage("held");
`;

/** JavaScript text for a child process that ends with its parent: `lifeline` is the pipe's descriptor, or undefined for none. */
export const CHILD_LIFELINE = `
import { Worker } from "node:worker_threads";
if (lifeline !== undefined) {
  const holding = new Worker(${JSON.stringify(LIFELINE)}, {
    eval: true,
    env: {},
    workerData: lifeline,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  await new Promise((held, failed) => holding.once("message", held).once("error", failed));
}
`;
