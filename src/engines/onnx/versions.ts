import { ConfigError } from "../../errors.ts";

/** Weights that were published: immutable, named by their content. */
export interface Published {
  readonly version: string;
}

/** The published versions of a policy: each is kept while it is the newest or somebody holds it. */
export interface Versions<S extends Published> {
  readonly newest: S;
  /** The snapshot of a version that is kept. */
  find(version: string): S | undefined;
  /** Makes it the newest; the one before goes unless it is held. */
  publish(snapshot: S): void;
  /** Keeps a version until the returned function is called. Throws `ConfigError` when it is gone. */
  hold(version: string): () => void;
  /** Keeps a version (the newest by default) while `work` runs. */
  use<T>(version: string | undefined, work: (snapshot: S) => Promise<T>): Promise<T>;
}

/** `first` is never dropped. `onDrop` gets what nobody can ask for any more. */
export const createVersions = <S extends Published>(
  policy: string,
  first: S,
  onDrop: (snapshot: S) => void,
): Versions<S> => {
  const kept = new Map<string, { readonly snapshot: S; holds: number }>([
    [first.version, { snapshot: first, holds: 1 }],
  ]);
  let newest = first;
  const drop = (version: string): void => {
    const entry = kept.get(version);
    if (!entry || entry.holds > 0 || entry.snapshot === newest) return;
    kept.delete(version);
    onDrop(entry.snapshot);
  };
  const hold = (version: string): { readonly snapshot: S; readonly letGo: () => void } => {
    const entry = kept.get(version);
    if (!entry)
      throw new ConfigError(
        `Version ${version.slice(0, 12)} of policy ${policy} is not held any more; hold() it before a new one is published.`,
      );
    entry.holds += 1;
    let held = true;
    const letGo = (): void => {
      if (!held) return;
      held = false;
      entry.holds -= 1;
      drop(version);
    };
    return { snapshot: entry.snapshot, letGo };
  };
  return {
    get newest() {
      return newest;
    },
    find: (version) => kept.get(version)?.snapshot,
    publish: (snapshot) => {
      const previous = newest.version;
      newest = snapshot;
      if (!kept.has(snapshot.version)) kept.set(snapshot.version, { snapshot, holds: 0 });
      if (previous !== snapshot.version) drop(previous);
    },
    hold: (version) => hold(version).letGo,
    use: async (version, work) => {
      const { snapshot, letGo } = hold(version ?? newest.version);
      try {
        return await work(snapshot);
      } finally {
        letGo();
      }
    },
  };
};
