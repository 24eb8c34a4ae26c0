import type { CallPlace, Reply, ReplyEntry, ReplyLog } from "../reply-log.ts";
import type { Message } from "./queue.ts";

/** Replies of tools to one solve, whoever does it: an attempt that begins anew gets those that an earlier one got. */
export interface KeptReplies {
  /** `{ known }`, the reply that this call got before; `{}` when it is to be made. */
  open(place: unknown): Promise<Message>;
  keep(place: unknown, reply: Reply): Promise<void>;
}

/** Which call of a solve: its turn, what is called, and the how-manieth time. */
export interface ReplyPlace {
  readonly turn: number;
  readonly call: CallPlace["call"];
  readonly time: number;
}

export const keptReplies = (log: ReplyLog | undefined, history: string): KeptReplies => {
  const entries = new Map<string, Promise<Kept>>();
  const entryOf = (place: unknown): Promise<Kept> => {
    const { turn, call } = place as ReplyPlace;
    const name = JSON.stringify(place);
    const found = entries.get(name) ?? opened(log, { history, turn, call });
    entries.set(name, found);
    return found;
  };
  return {
    open: async (place) => {
      const { entry, kept = entry.known } = await entryOf(place);
      return kept === undefined ? {} : { known: kept };
    },
    keep: async (place, reply) => {
      const found = await entryOf(place);
      if (found.kept !== undefined || found.entry.known !== undefined) return;
      found.kept = reply;
      await found.entry.keep(reply);
    },
  };
};

/** A call, and the reply that a worker brought for it. */
interface Kept {
  readonly entry: ReplyEntry;
  kept?: Reply;
}

const opened = async (log: ReplyLog | undefined, place: CallPlace): Promise<Kept> => ({
  entry: (await log?.open(place)) ?? { known: undefined, keep: async () => undefined },
});
