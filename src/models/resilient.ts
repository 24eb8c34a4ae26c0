import { type Clock, systemClock } from "../clock.ts";
import { ModelError } from "../errors.ts";
import type { ChatModel, ChatReply, ChatRequest } from "../model.ts";
import { callback, checked, count, defined, number, objectWith, type Rules, required } from "../options.ts";
import type { Spent } from "../usage.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import { pause } from "./pause.ts";
import { rateLimit } from "./rate-limit.ts";
import { throwAway } from "./starved.ts";

export interface ResilientOptions {
  /** Tries of one call. With 30 % faults, 8 lose one call in 15,000. @default 8 */
  readonly attempts?: number;
  /** For all tries of one call together, waiting included. @default 300 */
  readonly deadlineSeconds?: number;
  /** Of one try. @default 120 */
  readonly attemptSeconds?: number;
  /** Before the second try, doubled for each further one up to 20 s; a random share of it is waited. @default 0.5 */
  readonly backOffSeconds?: number;
  /** Failures in a row after which calls wait until a probe gets through. @default 5 */
  readonly openAfter?: number;
  /** Calls under way at once. @default 64 */
  readonly concurrency?: number;
  /** @default no limit */
  readonly requestsPerMinute?: number;
  /** Of prompt and reply together, by what earlier replies have used. @default no limit */
  readonly tokensPerMinute?: number;
  readonly onRetry?: (retry: {
    readonly attempt: number;
    readonly seconds: number;
    readonly error: ModelError;
  }) => void;
  /** In [0, 1): spreads the tries of many callers. @default Math.random */
  readonly random?: () => number;
  /** @default the machine's clock */
  readonly clock?: Clock;
}

const above0 = number({ above: 0 });
const optionRules: Rules<ResilientOptions> = {
  attempts: count,
  deadlineSeconds: above0,
  attemptSeconds: above0,
  backOffSeconds: number(),
  openAfter: count,
  concurrency: count,
  requestsPerMinute: above0,
  tokensPerMinute: above0,
  onRetry: callback,
  random: callback,
  clock: objectWith("a clock", "now", "after"),
};

/** Models that already try again: one layer is enough. */
const resilientModels = new WeakSet<ChatModel>();

/**
 * The one layer that tries again: back-off under one deadline, `Retry-After`, a circuit breaker, a rate limit. What a
 * model says will not get better (a wrong key, a refused request) is thrown at once. A model that is resilient already
 * is given back as it is.
 *
 * @example
 * ```ts
 * import { openaiCompatible, resilient } from "agentflow/models";
 *
 * const endpoint = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const model = resilient(endpoint, { attempts: 4, concurrency: 16 });
 * ```
 */
export const resilient = (model: ChatModel, options: ResilientOptions = {}): ChatModel => {
  required(objectWith("a chat model", "complete"))(model, "resilient: the model");
  checked("resilient", options, optionRules);
  if (resilientModels.has(model)) return model;
  const { attempts = 8, deadlineSeconds = 300, attemptSeconds = 120, backOffSeconds = 0.5, openAfter = 5 } = options;
  const { concurrency = 64, requestsPerMinute, tokensPerMinute, onRetry } = options;
  const { random = Math.random, clock = systemClock } = options;
  const circuit = circuitBreaker({ openAfter, clock });
  const limit = rateLimit({ concurrency, requestsPerMinute, tokensPerMinute, clock });

  const attempt = async (request: ChatRequest, signal: AbortSignal): Promise<ChatReply> => {
    const letGo = await limit.enter(signal);
    let tokens = 0;
    try {
      const passed = await circuit.enter(signal);
      try {
        const reply = await within({ clock, seconds: attemptSeconds, signal, who: model.id }, (own) =>
          model.complete({ ...request, abortSignal: own }),
        );
        passed(true);
        tokens = reply.promptTokens + reply.sampledTokens;
        return reply;
      } catch (error) {
        if (error instanceof ModelError) tokens = (error.usage?.promptTokens ?? 0) + (error.usage?.sampledTokens ?? 0);
        // A refusal is a word of an endpoint that is well.
        passed(!(error instanceof ModelError && error.retryable));
        throw error;
      }
    } finally {
      letGo(tokens);
    }
  };

  const resilientModel: ChatModel = {
    id: model.id,
    ...defined({ promptStyle: model.promptStyle, priced: model.priced, secrets: model.secrets }),
    complete: async (request) => {
      const end = clock.now() + deadlineSeconds * 1000;
      const deadline = new AbortController();
      const cancel = clock.after(deadlineSeconds * 1000, () => deadline.abort());
      const signal =
        request.abortSignal === undefined ? deadline.signal : AbortSignal.any([request.abortSignal, deadline.signal]);
      let last: ModelError | undefined;
      // Of the last one; those of earlier ones are counted before the next try.
      let usage: Spent | undefined;
      try {
        for (let tried = 1; tried <= attempts; tried += 1) {
          try {
            // What an earlier try has streamed cannot be undone: a later one is not streamed.
            return await attempt(tried === 1 ? request : unstreamed(request), signal);
          } catch (error) {
            request.abortSignal?.throwIfAborted();
            if (!(error instanceof ModelError && error.retryable)) {
              if (deadline.signal.aborted) break;
              throw error;
            }
            last = error;
            usage = error.usage;
            const seconds = Math.max(
              error.retryAfterSeconds ?? 0,
              random() * Math.min(20, backOffSeconds * 2 ** (tried - 1)),
            );
            if (tried === attempts || clock.now() + seconds * 1000 > end) break;
            usage = undefined;
            throwAway(request, error);
            onRetry?.({ attempt: tried, seconds, error });
            await pause(clock, seconds, signal);
          }
        }
      } catch (error) {
        request.abortSignal?.throwIfAborted();
        if (!deadline.signal.aborted) throw error;
      } finally {
        cancel();
      }
      throw new ModelError(
        `${model.id} gave no usable reply within ${attempts} tries or ${deadlineSeconds} seconds. ${last === undefined ? "It is not answering." : `The last: ${last.message}`}`,
        last === undefined ? {} : { cause: last, ...defined({ status: last.status, usage }) },
      );
    },
  };
  resilientModels.add(resilientModel);
  return resilientModel;
};

const unstreamed = ({ onText: _, ...request }: ChatRequest): ChatRequest => request;

/** Gives work a signal of its own that is aborted at a deadline; it is not waited for any longer than that. */
const within = async <Result>(
  {
    clock,
    seconds,
    signal,
    who,
  }: { readonly clock: Clock; readonly seconds: number; readonly signal: AbortSignal; readonly who: string },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> => {
  signal.throwIfAborted();
  const own = new AbortController();
  let giveUp: (error: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  const abort = (): void => {
    own.abort(signal.reason);
    giveUp(signal.reason);
  };
  const cancel = clock.after(seconds * 1000, () => {
    own.abort();
    giveUp(new ModelError(`${who} gave no reply within ${seconds} seconds.`, { retryable: true }));
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    const working = work(own.signal);
    // It may fail after it was given up.
    working.catch(() => undefined);
    return await Promise.race([working, ended]);
  } finally {
    cancel();
    signal.removeEventListener("abort", abort);
  }
};
