/** Rollouts of one run in several processes. */

export { joinQueue } from "./join.ts";
export { type LocalQueueOptions, localQueue } from "./local-queue.ts";
export { type NatsQueueOptions, natsQueue } from "./nats-queue.ts";
export type { Answering, Message, OpenQueue, QueueRun, RolloutQueue, WorkerLink } from "./queue.ts";
