import { joinLocalQueue } from "./local-queue.ts";
import { joinNatsQueue } from "./nats-queue.ts";
import type { WorkerLink } from "./queue.ts";

/**
 * The worker's end of a queue, by its address: the folder of a run on this machine, or `nats://host:4222/<run>`. Throws
 * `ConfigError` when no run offers its rollouts there.
 *
 * @example
 * ```ts
 * import { joinQueue } from "agentflow/workers";
 *
 * const link = await joinQueue("runs/2026-11-29-2103-7c1a");
 * await link.close();
 * ```
 */
export const joinQueue = (address: string): Promise<WorkerLink> =>
  /^(?:nats|tls):\/\//.test(address) ? joinNatsQueue(address) : joinLocalQueue(address);
