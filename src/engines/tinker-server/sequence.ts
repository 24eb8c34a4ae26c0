import { Refusal } from "./refusal.ts";

/** What a numbered request was answered. */
type Answer<Reply> =
  | { readonly hash: string; readonly reply: Reply }
  | { readonly hash: string; readonly refused: unknown };

/**
 * Answers a numbered request once: a second one with the same content gets the same answer, whether or not the first
 * answer arrived. One with other content throws `Refusal`.
 */
export const answeredOnce = <Reply>(): ((seq: number, hash: string, answer: () => Reply) => Reply) => {
  const answers = new Map<number, Answer<Reply>>();
  return (seq, hash, answer) => {
    const known = answers.get(seq);
    if (known !== undefined && known.hash !== hash)
      throw new Refusal(`The sequence number ${seq} was used for another request: number each request anew.`);
    if (known === undefined)
      try {
        const reply = answer();
        answers.set(seq, { hash, reply });
        return reply;
      } catch (error) {
        answers.set(seq, { hash, refused: error });
        throw error;
      }
    if ("refused" in known) throw known.refused;
    return known.reply;
  };
};

/** Executes work in the order of its numbers, from 1, whatever the order in which it comes: a gap is waited for. */
export interface Sequence {
  /** The result of the work, once everything before it was done. */
  place<Result>(seq: number, work: () => Promise<Result>): Promise<Result>;
  /** The result of work without a number, which waits for nothing. */
  beside<Result>(work: () => Promise<Result>): Promise<Result>;
  /** A number that no work comes for. */
  skip(seq: number): void;
  /** Refuses what waits, and what comes. Resolves when nothing runs any more. */
  close(why: Refusal): Promise<void>;
}

export const createSequence = (): Sequence => {
  const waiting = new Map<number, { readonly run: () => Promise<void>; readonly refuse: (why: Refusal) => void }>();
  const running = new Set<Promise<void>>();
  let next = 1;
  let draining = false;
  let closed: Refusal | undefined;
  const begin = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = work();
    const ended = result.then(
      () => void running.delete(ended),
      () => void running.delete(ended),
    );
    running.add(ended);
    return result;
  };
  const drain = async (): Promise<void> => {
    if (draining) return;
    draining = true;
    for (let work = waiting.get(next); work !== undefined; work = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      await work.run();
    }
    draining = false;
  };
  const place = <Result>(seq: number, work: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (closed !== undefined) return reject(closed);
      waiting.set(seq, { run: () => begin(work).then(resolve, reject), refuse: reject });
      void drain();
    });
  return {
    place,
    beside: (work) => (closed === undefined ? begin(work) : Promise.reject(closed)),
    skip: (seq) => void place(seq, async () => undefined).catch(() => undefined),
    close: async (why) => {
      closed = why;
      for (const { refuse } of waiting.values()) refuse(why);
      waiting.clear();
      await Promise.all(running);
    },
  };
};
