import { ConfigError, EngineError } from "../../errors.ts";
import { Lost } from "./failures.ts";

interface Version {
  /** The sampling session; undefined until somebody samples, or when the server lost it. */
  session: Promise<string> | undefined;
  /** Where the training state with these weights is saved. */
  path: string | undefined;
  holders: number;
}

export interface SamplersParts {
  /** Whether a server keeps old snapshots as they were. */
  readonly immutable: boolean;
  /** Whether these are the weights that are trained now: only they can be published again. */
  readonly isTrained: (version: string) => boolean;
  readonly open: () => Promise<string>;
  readonly remove: (path: string) => Promise<void>;
}

/** The versions of a policy that can be sampled, with their sessions at the server. */
export interface Samplers {
  readonly newest: string;
  pathOf(version: string): string | undefined;
  /** Whether a checkpoint is that of a version that is kept. */
  needs(path: string): boolean;
  savedAt(version: string, path: string): void;
  publish(version: string, path: string): Promise<void>;
  /** A version is the newest again, in a new model. */
  restored(version: string): void;
  hold(version: string): () => void;
  use<Result>(
    version: string | undefined,
    work: (session: string, version: string) => Promise<Result>,
  ): Promise<Result>;
}

const ATTEMPTS = 4;

export const createSamplers = (
  policy: string,
  start: string,
  path: string | undefined,
  parts: SamplersParts,
): Samplers => {
  const versions = new Map<string, Version>([[start, { session: undefined, path, holders: 0 }]]);
  let newest = start;
  const find = (version: string): Version => {
    const found = versions.get(version);
    if (found === undefined)
      throw new ConfigError(`Version ${version.slice(0, 12)} of the policy ${policy} is not held any more.`);
    return found;
  };
  /** Forgets versions that nobody holds. What cannot be deleted at the server stays there. */
  const prune = async (): Promise<void> => {
    for (const [version, { holders, path: old }] of versions)
      if (version !== newest && holders === 0) {
        versions.delete(version);
        if (old !== undefined) await parts.remove(old);
      }
  };
  const sessionOf = (version: string, found: Version): Promise<string> => {
    if (!parts.immutable && version !== newest)
      throw new EngineError(`This server samples the newest version only, not ${version.slice(0, 12)}.`);
    if (found.session === undefined && !parts.isTrained(version))
      throw new EngineError(
        `The server lost version ${version.slice(0, 12)} of the policy ${policy}, and training has moved past it.`,
      );
    found.session ??= parts.open();
    return found.session;
  };
  return {
    get newest() {
      return newest;
    },
    pathOf: (version) => versions.get(version)?.path,
    needs: (saved) => [...versions.values()].some(({ path: known }) => known === saved),
    savedAt: (version, saved) => {
      const found = versions.get(version);
      if (found !== undefined) found.path = saved;
    },
    publish: async (version, saved) => {
      // Opened while these are the weights: later nothing could.
      const found: Version = { session: parts.open(), path: saved, holders: versions.get(version)?.holders ?? 0 };
      await found.session;
      versions.set(version, found);
      newest = version;
      await prune();
    },
    restored: (version) => {
      find(version).session = undefined;
      newest = version;
    },
    hold: (version) => {
      const found = find(version);
      found.holders += 1;
      let held = true;
      return () => {
        if (held) found.holders -= 1;
        held = false;
      };
    },
    use: async (version = newest, work) => {
      const found = find(version);
      found.holders += 1;
      try {
        for (let n = 1; ; n += 1) {
          const opened = sessionOf(version, found);
          try {
            return await work(await opened, version);
          } catch (error) {
            if (found.session === opened) found.session = undefined;
            if (!(error instanceof Lost) || n >= ATTEMPTS) throw error;
          }
        }
      } finally {
        found.holders -= 1;
      }
    },
  };
};
