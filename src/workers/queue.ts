/** What workers and a run say to each other: JSON. */
export type Message = Readonly<Record<string, unknown>>;

/** What a run answers to a message of a worker. */
export type Answering = (message: Message) => Promise<Message>;

/** The run that offers its rollouts. */
export interface QueueRun {
  readonly id: string;
  readonly folder: string;
}

/**
 * Where a run meets its workers. It carries messages and nothing else: what is to be done, who does it and what counts is
 * decided by the run (`createDispatcher`), which alone has weights, rewards and groups. Any transport of requests and answers
 * is one: messages may be lost or come twice.
 */
export interface RolloutQueue {
  /** A worker that gives no sign of life for this long is lost: what it had under way is done again. @default 15 */
  readonly leaseSeconds?: number | undefined;
  /** Tries the place where they meet, before a run writes anything. Throws `ConfigError` when nobody answers there. */
  reach?(): Promise<void>;
  /** Answers messages from now on. */
  open(run: QueueRun, answer: Answering): Promise<OpenQueue>;
}

export interface OpenQueue {
  /** What a worker is given to find it. */
  readonly address: string;
  close(): Promise<void>;
}

/** A worker's end of a queue. */
export interface WorkerLink {
  /** Carries one message there and its answer back, in one attempt. Throws what kept it from getting an answer. */
  send(message: Message, abortSignal: AbortSignal): Promise<Message>;
  /** Whether the run has left the queue, as far as this can be known. */
  ended(): Promise<boolean>;
  close(): Promise<void>;
}

/** How long an answer may take: a run that needs more says `pending`, and is asked again. */
export const LONGEST_ANSWER_SECONDS = 5;
