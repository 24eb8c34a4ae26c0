import type { Clock } from "../clock.ts";
import type { Policy, SampleRequest } from "../engine.ts";
import { AgentFlowError, EngineError } from "../errors.ts";
import type { Flow, SolveOptions, SolveResult } from "../flow/flow.ts";
import { defined } from "../options.ts";
import type { Reply, ReplyLog } from "../reply-log.ts";
import type { Query } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { noUsage } from "../usage.ts";
import { type KeptReplies, keptReplies } from "./kept-replies.ts";
import type { Message } from "./queue.ts";

/** Which flow of a run a solve belongs to: of the planner as it was opened, of evaluations, or of training. */
export type FlowName = "before" | "evaluation" | "training";

/** A solve that a worker does. Nothing sealed of its task is in it. */
export interface Job extends Required<Pick<SolveOptions, "id" | "randomKey">>, Pick<SolveOptions, "versions" | "from"> {
  readonly flow: FlowName;
  readonly query: Query;
}

export interface DispatcherOptions {
  /** What a worker has to know of the run. */
  readonly about: Message;
  /** Those that workers may sample, by name. */
  readonly policy: (name: string) => Policy;
  /** Keeps what tools reply; replies of a solve that is done again are given again. @default none */
  readonly replies?: ReplyLog | undefined;
  readonly clock: Clock;
  /** A worker that is not heard of for this long has lost its solves. */
  readonly leaseSeconds: number;
  /** Workers that a solve may lose before it is a failure of infrastructure. */
  readonly attempts: number;
  /** Sees a worker that is lost, and how many solves are done again. */
  readonly onLost?: ((worker: string, solves: number) => void) | undefined;
}

/** Gives a run's solves to workers: each to one at a time, again when its worker is lost, and takes one result of each. */
export interface Dispatcher {
  /** Answers a worker. Throws `EngineError` for what is no call. */
  handle(worker: string, what: Message): Promise<Message>;
  /** A flow whose solves are done by workers. */
  flow(name: FlowName, local: Flow): Flow;
  /** Tells workers that there is no more to do. */
  close(): void;
}

/** A solve that somebody waits for. */
interface Open {
  readonly job: Job;
  readonly settle: (result: SolveResult) => void;
  readonly replies: KeptReplies;
  /** How many workers got it, this one included. */
  attempt: number;
  /** Who has it now. */
  worker: string | undefined;
  /** Of this attempt: what was sampled, caches that hold some of it, and how its samples end. */
  sampled: Set<string>;
  histories: Map<string, Policy>;
  ending: AbortController;
}

interface Taker {
  readonly worker: string;
  readonly give: (answer: Message) => void;
}

const GONE: Message = { gone: true };

export const createDispatcher = (options: DispatcherOptions): Dispatcher => {
  const { about, policy, clock, leaseSeconds, attempts, onLost } = options;
  const open = new Map<string, Open>();
  const waiting: Open[] = [];
  let takers: Taker[] = [];
  const heard = new Map<string, number>();
  let cancelWatch: (() => void) | undefined;
  let closed = false;

  const give = (): void => {
    while (waiting.length > 0 && takers.length > 0) {
      const [solve, taker] = [waiting.shift(), takers.shift()];
      if (solve === undefined || taker === undefined) return;
      solve.attempt += 1;
      solve.worker = taker.worker;
      taker.give({ job: solve.job, attempt: solve.attempt });
    }
  };
  /** Ends an attempt: its samples, and the caches that they left. */
  const leave = (solve: Open): void => {
    solve.ending.abort(new EngineError(`The solve ${solve.job.id} is done elsewhere.`));
    for (const [history, sampled] of solve.histories) sampled.release(history);
    solve.worker = undefined;
    solve.sampled = new Set();
    solve.histories = new Map();
    solve.ending = new AbortController();
  };
  const settle = (solve: Open, result: SolveResult): void => {
    leave(solve);
    const place = waiting.indexOf(solve);
    if (place >= 0) waiting.splice(place, 1);
    if (open.get(solve.job.id) === solve) open.delete(solve.job.id);
    solve.settle(result);
  };
  const lose = (worker: string): void => {
    heard.delete(worker);
    takers = takers.filter((taker) => taker.worker !== worker);
    const lost = [...open.values()].filter((solve) => solve.worker === worker);
    if (lost.length > 0) onLost?.(worker, lost.length);
    for (const solve of lost) {
      const { attempt, job } = solve;
      if (attempt >= attempts)
        settle(solve, failed(job, `Its workers were lost ${attempt} times: does it take too much memory?`));
      else {
        leave(solve);
        // What was begun first is wanted first.
        waiting.unshift(solve);
      }
    }
    give();
  };
  let watched = clock.now();
  const watch = (): void => {
    cancelWatch?.();
    const now = clock.now();
    // A run that was held up itself has not listened: nobody was silent.
    if (now - watched > 500 * leaseSeconds) for (const worker of heard.keys()) heard.set(worker, now);
    watched = now;
    for (const [worker, last] of heard) if (now - last > 1000 * leaseSeconds) lose(worker);
    if (heard.size > 0 && !closed) cancelWatch = clock.after(250 * leaseSeconds, watch);
    else cancelWatch = undefined;
  };

  /** The attempt that a call is of; undefined when it is not this worker's any more. */
  const heldBy = (worker: string, { job, attempt }: Message): Open | undefined => {
    const solve = open.get(String(job));
    return solve?.worker === worker && solve.attempt === attempt ? solve : undefined;
  };
  const sample = async (solve: Open, what: Message): Promise<Message> => {
    const request = what.request as SampleRequest;
    const sampled = policy(String(what.policy));
    // An earlier attempt may still be ending: the caches of two are two.
    const history = `${request.history}#${solve.attempt}`;
    solve.histories.set(history, sampled);
    const drawn = await sampled.sample({ ...request, history, abortSignal: solve.ending.signal });
    solve.sampled.add(drawnAs(sampled.name, drawn.ids));
    return { sample: drawn };
  };
  const release = (solve: Open, { history }: Message): Message => {
    const named = `${history}#${solve.attempt}`;
    solve.histories.get(named)?.release(named);
    solve.histories.delete(named);
    return {};
  };
  const take = (worker: string): Promise<Message> =>
    closed
      ? Promise.resolve({ ended: true })
      : new Promise((resolve) => {
          takers.push({ worker, give: resolve });
          give();
        });

  const ofAttempt: Readonly<
    Record<string, (solve: Open, what: Message, worker: string) => Message | Promise<Message>>
  > = {
    sample,
    release,
    reply: ({ replies }, { place }) => replies.open(place),
    keep: async ({ replies }, { place, reply }) => {
      await replies.keep(place, reply as Reply);
      return {};
    },
    done: (solve, { trajectory }, worker) => {
      settle(solve, resultOf(solve, trajectory, worker));
      return {};
    },
    failed: (solve, { message }) => {
      settle(solve, failed(solve.job, String(message)));
      return {};
    },
  };

  return {
    handle: async (worker, what) => {
      const { type } = what;
      if (type === "leave") {
        lose(worker);
        return {};
      }
      heard.set(worker, clock.now());
      if (cancelWatch === undefined) {
        watched = clock.now();
        watch();
      }
      if (type === "hello") return about;
      if (type === "beat") return {};
      if (type === "take") return take(worker);
      const work = Object.hasOwn(ofAttempt, String(type)) ? ofAttempt[String(type)] : undefined;
      if (work === undefined) throw new EngineError(`There is no call ${JSON.stringify(type)} of workers.`);
      const solve = heldBy(worker, what);
      return solve === undefined ? GONE : work(solve, what, worker);
    },
    flow: (name, local) => ({
      ...local,
      solve: (asked, { id, randomKey, versions, from, abortSignal, ...others } = {}) => {
        const query = typeof asked === "string" ? undefined : asked;
        // What another process cannot get is done in this one.
        if (query === undefined || id === undefined || randomKey === undefined || Object.keys(others).length > 0)
          return local.solve(asked, { ...others, ...defined({ id, randomKey, versions, from, abortSignal }) });
        const job: Job = { flow: name, query, id, randomKey, ...defined({ versions, from }) };
        if (abortSignal?.aborted === true) return Promise.resolve(aborted(job));
        return new Promise((resolve) => {
          const stop = (): void => settle(solve, aborted(job));
          const solve: Open = {
            job,
            settle: (result) => {
              abortSignal?.removeEventListener("abort", stop);
              resolve(result);
            },
            replies: keptReplies(options.replies, id),
            attempt: 0,
            worker: undefined,
            sampled: new Set(),
            histories: new Map(),
            ending: new AbortController(),
          };
          abortSignal?.addEventListener("abort", stop, { once: true });
          open.set(id, solve);
          waiting.push(solve);
          give();
        });
      },
    }),
    close: () => {
      closed = true;
      cancelWatch?.();
      for (const solve of [...open.values()]) settle(solve, aborted(solve.job));
      for (const { give: answer } of takers.splice(0)) answer({ ended: true });
    },
  };
};

const drawnAs = (policy: string, ids: readonly number[]): string => `${policy}:${ids.join()}`;

/** Of a solve that did not come to its end. */
const emptyOf = ({ id, query: { id: task, question } }: Job): Trajectory => ({
  schemaVersion: 1,
  id,
  query: { id: task, question },
  analysis: { entities: [], template: question },
  memory: [],
  turns: [],
  status: "partial",
  stopReason: "aborted",
});

const aborted = (job: Job): SolveResult => ({
  status: "partial",
  stopReason: "aborted",
  usage: noUsage(),
  trajectory: emptyOf(job),
});

const failed = (job: Job, failure: string): SolveResult => ({
  status: "failed",
  stopReason: "failure",
  usage: noUsage(),
  trajectory: { ...emptyOf(job), status: "failed", stopReason: "failure", failure },
  error: new AgentFlowError(failure),
});

/** A worker's trajectory as a result. What was not sampled here is not trained: such a one is a failure. */
const resultOf = ({ job, sampled }: Open, sent: unknown, worker: string): SolveResult => {
  const trajectory = sent as Trajectory | null;
  if (
    trajectory?.id !== job.id ||
    !Array.isArray(trajectory.memory) ||
    !Array.isArray(trajectory.turns) ||
    !["solved", "partial", "failed"].includes(trajectory.status)
  )
    return failed(job, `The worker ${worker} sent what is no trajectory of ${job.id}.`);
  const begun = new Set((job.from?.turns ?? []).map(({ policy, ids }) => drawnAs(policy, ids)));
  const stranger = trajectory.turns.find(({ policy, ids }) => {
    const drawn = drawnAs(policy, ids);
    return !sampled.has(drawn) && !begun.has(drawn);
  });
  if (stranger !== undefined)
    return failed(job, `The worker ${worker} sent a turn ${stranger.turn} that was not sampled for ${job.id}.`);
  const made: Trajectory = { ...trajectory, worker };
  const { status, stopReason, answer = "", failure = "" } = made;
  const end = { stopReason, usage: noUsage(), trajectory: made };
  if (status === "failed") return { ...end, status, error: new AgentFlowError(failure) };
  return { ...end, status, answer };
};
