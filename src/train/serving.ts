import type { Policy } from "../engine.ts";
import { holdAll, versionsOf } from "./rollouts.ts";

/** Which versions serve, of several policies that keep learning, and which served before. */
export interface Serving {
  /** Policy → version that serves. */
  readonly versions: Readonly<Record<string, string>>;
  /** Policy → version that served before; undefined where there is none. */
  readonly previous: Readonly<Record<string, string>> | undefined;
  /** The newest versions serve from now on. */
  advance(): void;
  /** Makes what serves what is trained next. */
  restore(): Promise<void>;
  /** What served before serves again, and is trained next. Returns false when there is none. */
  goBack(): Promise<boolean>;
  /** Lets all versions go. */
  close(): void;
}

interface Held {
  readonly versions: Readonly<Record<string, string>>;
  readonly letGo: () => void;
}

export const servingOf = (train: readonly Policy[]): Serving => {
  const newest = (): Held => {
    const versions = versionsOf(train);
    return { versions, letGo: holdAll(train, versions) };
  };
  const restore = async ({ versions }: Held): Promise<void> => {
    for (const policy of train) await policy.restore(versions[policy.name] ?? "");
  };
  let now = newest();
  let before: Held | undefined;
  return {
    get versions() {
      return now.versions;
    },
    get previous() {
      return before?.versions;
    },
    advance: () => {
      before?.letGo();
      before = now;
      now = newest();
    },
    restore: () => restore(now),
    goBack: async () => {
      if (before === undefined) return false;
      await restore(before);
      now.letGo();
      now = before;
      before = undefined;
      return true;
    },
    close: () => {
      now.letGo();
      before?.letGo();
      before = undefined;
    },
  };
};
