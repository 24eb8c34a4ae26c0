import { setMaxListeners } from "node:events";
import type { Clock } from "../clock.ts";
import { EngineError, messageOf } from "../errors.ts";
import { type Answering, LONGEST_ANSWER_SECONDS, type Message, type WorkerLink } from "./queue.ts";

/** What a worker asks of its run. It is executed once, whatever is lost on the way, and however long it takes. */
export interface Calls {
  call(what: Message, abortSignal?: AbortSignal): Promise<Message>;
  close(): Promise<void>;
}

export interface CallsOptions {
  readonly link: WorkerLink;
  /** The worker's name, of this process alone. */
  readonly worker: string;
  readonly clock: Clock;
  /** How long a run may give no sign of life. */
  readonly patienceSeconds: number;
}

/** The run is over, or was not heard of for too long. */
export class RunGone extends EngineError {}

/** A worker's calls over a link, each under a number: sent again until there is an answer. */
export const openCalls = ({ link, worker, clock, patienceSeconds }: CallsOptions): Calls => {
  const closing = new AbortController();
  // Every message under way listens to it.
  setMaxListeners(0, closing.signal);
  /** Numbers of calls under way, the oldest first. */
  const underWay = new Set<number>();
  let next = 0;
  let heard = clock.now();
  const call = async (what: Message, abortSignal = closing.signal): Promise<Message> => {
    const number = next;
    next += 1;
    underWay.add(number);
    try {
      for (let failures = 0; ; ) {
        abortSignal.throwIfAborted();
        try {
          const [oldest = number] = underWay;
          const answer = await link.send({ worker, number, oldest, what }, closing.signal);
          heard = clock.now();
          failures = 0;
          if (answer.pending === true) continue;
          if (typeof answer.error === "string") throw new EngineError(answer.error);
          return (answer.answer ?? {}) as Message;
        } catch (cause) {
          if (cause instanceof EngineError || closing.signal.aborted) throw cause;
          if (await link.ended()) throw new RunGone("The run has ended.", { cause });
          if (clock.now() - heard > 1000 * patienceSeconds)
            throw new RunGone(`The run gave no answer for ${patienceSeconds} s (${messageOf(cause)}). Is it running?`, {
              cause,
            });
          failures += 1;
          await pause(clock, Math.min(100 * 2 ** failures, 2000));
        }
      }
    } finally {
      underWay.delete(number);
    }
  };
  return {
    call,
    close: async () => {
      closing.abort(new RunGone("The worker ends."));
      await link.close();
    },
  };
};

const pause = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });

/** The run's side of `openCalls`: executes each number of a worker once, and keeps its answer until the worker has it. */
export const answeredOnce = (
  handle: (worker: string, what: Message) => Promise<Message>,
  { clock }: Pick<CallsOptions, "clock">,
): Answering => {
  const workers = new Map<string, Map<number, Promise<Message>>>();
  return async ({ worker, number, oldest, what }) => {
    if (typeof worker !== "string" || typeof number !== "number" || typeof oldest !== "number" || !isMessage(what))
      return { error: "This is not a call of a worker: accepted is { worker, number, oldest, what }." };
    const known = workers.get(worker) ?? new Map<number, Promise<Message>>();
    workers.set(worker, known);
    for (const earlier of known.keys()) if (earlier < oldest) known.delete(earlier);
    const answer =
      known.get(number) ??
      handle(worker, what).then(
        (done) => ({ answer: done }),
        (error) => ({ error: messageOf(error) }),
      );
    known.set(number, answer);
    return within(clock, 1000 * LONGEST_ANSWER_SECONDS, answer);
  };
};

const isMessage = (value: unknown): value is Message =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const within = async (clock: Clock, milliseconds: number, answer: Promise<Message>): Promise<Message> => {
  let cancel = (): void => undefined;
  const late = new Promise<Message>((resolve) => {
    cancel = clock.after(milliseconds, () => resolve({ pending: true }));
  });
  const first = await Promise.race([answer, late]);
  cancel();
  return first;
};
