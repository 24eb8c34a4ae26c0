import type { Clock } from "../../clock.ts";
import { type Connection, textOf } from "./connection.ts";

/** What keeps a client's models alive at the server: a session, and a sign of life every ten seconds. */
export interface Session {
  /** The session's id: a new one, when the server knows nothing of the last. */
  id(): Promise<string>;
  /** Numbers for models, or for samplers, of this session. */
  next(of: "model" | "sampler"): number;
  /** Looks whether the server still knows it, after something was lost. */
  check(): Promise<void>;
  close(): Promise<void>;
}

const BEAT_MS = 10_000;
const VERSION = "agentflow";

export const openSession = (connection: Connection, clock: Clock): Session => {
  let current: Promise<string> | undefined;
  let cancel: (() => void) | undefined;
  let closed = false;
  const numbers = { model: 0, sampler: 0 };

  const beat = async (id: string): Promise<void> => {
    // What a beat does not reach, a request will: it alone tries again.
    const status = await connection
      .beat("session_heartbeat", { session_id: id, type: "session_heartbeat" })
      .catch(() => 0);
    if (status === 404 || status === 410) current = undefined;
    else plan(id);
  };
  const plan = (id: string): void => {
    if (!closed) cancel = clock.after(BEAT_MS, () => void beat(id));
  };
  const begin = async (): Promise<string> => {
    const body = { tags: [], user_metadata: {}, sdk_version: VERSION, type: "create_session" };
    const id = textOf(await connection.post("create_session", body), "session_id", "create_session");
    numbers.model = 0;
    numbers.sampler = 0;
    cancel?.();
    await beat(id);
    return id;
  };
  return {
    id: () => {
      current ??= begin().catch((error) => {
        current = undefined;
        throw error;
      });
      return current;
    },
    next: (of) => numbers[of]++,
    check: async () => {
      const id = await current?.catch(() => undefined);
      cancel?.();
      if (id !== undefined) await beat(id);
    },
    close: async () => {
      closed = true;
      cancel?.();
      const id = await current?.catch(() => undefined);
      if (id === undefined) return;
      const reason = { reason: { type: "success" }, detail: null };
      // Servers without sessions that end answer 404, and one that is down has forgotten it.
      await connection.post(`sessions/${id}/finish`, reason, { patienceSeconds: 1 }).catch(() => undefined);
    },
  };
};
