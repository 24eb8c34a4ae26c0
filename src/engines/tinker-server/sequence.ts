import { Refusal } from "./refusal.ts";

/** What a numbered request was answered. */
type Answer<Reply> =
  | { readonly hash: string; readonly reply: Reply }
  | { readonly hash: string; readonly refused: Refusal };

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
        if (error instanceof Refusal) answers.set(seq, { hash, refused: error });
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
  /** A number that no work comes for. */
  skip(seq: number): void;
  /** Refuses what waits, and what comes. */
  close(why: Refusal): void;
}

export const createSequence = (): Sequence => {
  const waiting = new Map<number, { readonly run: () => Promise<void>; readonly refuse: (why: Refusal) => void }>();
  let next = 1;
  let running = false;
  let closed: Refusal | undefined;
  const drain = async (): Promise<void> => {
    if (running) return;
    running = true;
    for (let work = waiting.get(next); work !== undefined; work = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      await work.run();
    }
    running = false;
  };
  const place = <Result>(seq: number, work: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (closed !== undefined) return reject(closed);
      waiting.set(seq, { run: () => work().then(resolve, reject), refuse: reject });
      void drain();
    });
  return {
    place,
    skip: (seq) => void place(seq, async () => undefined).catch(() => undefined),
    close: (why) => {
      closed = why;
      for (const { refuse } of waiting.values()) refuse(why);
      waiting.clear();
    },
  };
};
