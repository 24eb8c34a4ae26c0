import type { Policy } from "../../engine.ts";
import type { PolicyPool } from "./policy-pool.ts";
import { type LoraRequest, parsePath, type StateFiles } from "./state-files.ts";

/** Weights that are sampled and never change. */
export interface Snapshot {
  /** Path of its state; undefined for the base. */
  readonly path: string | undefined;
  /** Hash of its state: another one may get the path. Undefined for the base. */
  readonly state: string | undefined;
  readonly lora: LoraRequest | undefined;
}

/** A policy that samples a snapshot, and scores texts by it. */
export interface Reader {
  readonly policy: Policy;
  /** The version to sample, which is held meanwhile. */
  readonly version: string;
  /** Runs what reads the policy's current weights, which are the snapshot's meanwhile. */
  readonly scoring: <Result>(work: (policy: Policy) => Promise<Result>) => Promise<Result>;
}

export interface Snapshots {
  /** Keeps what a model's policy has just published ready for sampling, as long as it is among the newest. */
  published(model: string, snapshot: Snapshot, policy: Policy): void;
  /** Lets go of what a model published: its policy is used for another one. */
  forget(model: string): void;
  read<Result>(snapshot: Snapshot, work: (reader: Reader) => Promise<Result>): Promise<Result>;
}

/** Snapshots of a model that are sampled from the policy that published them; older ones are read from the disk. */
const HOT = 4;
/** States that are ready at once for older snapshots, of one kind of adapter. */
const COLD = 4;

interface Shelf {
  readonly policy: Policy;
  readonly held: Map<string, { readonly version: string; readonly release: () => void }>;
  /** Key of the snapshot whose state it holds now. */
  current: string | undefined;
  last: Promise<unknown>;
}

/** A version that a policy samples, held until it is let go of. */
interface Held {
  readonly policy: Policy;
  readonly version: string;
  readonly release: () => void;
}

const heldOf = (policy: Policy, version: string): Held => ({ policy, version, release: policy.hold(version) });
const keyOf = ({ path, state }: Snapshot): string => `${path} ${state}`;

export const createSnapshots = (files: StateFiles, pool: PolicyPool, base: () => Policy): Snapshots => {
  const hot = new Map<string, Held & { readonly model: string }>();
  const shelves = new Map<string, Promise<Shelf>>();

  const drop = (key: string): void => {
    hot.get(key)?.release();
    hot.delete(key);
  };
  const shelfOf = (lora: LoraRequest | undefined): Promise<Shelf> => {
    // States are read into it: what it began with does not matter.
    const key = JSON.stringify({ ...lora, seed: 0 });
    const known = shelves.get(key);
    if (known !== undefined) return known;
    const made = pool
      .lease(lora)
      .then((policy): Shelf => ({ policy, held: new Map(), current: undefined, last: Promise.resolve() }));
    shelves.set(key, made);
    made.catch(() => shelves.delete(key));
    return made;
  };
  /** Work on the shelf's policy, one after the other. */
  const alone = <Result>(shelf: Shelf, work: () => Promise<Result>): Promise<Result> => {
    const mine = shelf.last.then(work, work);
    shelf.last = mine.catch(() => undefined);
    return mine;
  };
  const bring = async (shelf: Shelf, snapshot: Snapshot): Promise<string> => {
    const key = keyOf(snapshot);
    if (shelf.current !== key) {
      const { model, kind, name } = parsePath(snapshot.path ?? "");
      const { state } = await files.load(model, kind, name, snapshot.state);
      shelf.current = undefined;
      await shelf.policy.importState(state);
      shelf.current = key;
    }
    const known = shelf.held.get(key);
    if (known !== undefined) return known.version;
    const { version } = shelf.policy;
    shelf.held.set(key, { version, release: shelf.policy.hold(version) });
    for (const [oldest, { release }] of shelf.held) {
      if (shelf.held.size <= COLD) break;
      release();
      shelf.held.delete(oldest);
    }
    return version;
  };
  const hold = async (snapshot: Snapshot): Promise<Held> => {
    const ready = hot.get(keyOf(snapshot));
    if (ready !== undefined) return heldOf(ready.policy, ready.version);
    const shelf = await shelfOf(snapshot.lora);
    const known = shelf.held.get(keyOf(snapshot));
    if (known !== undefined) return heldOf(shelf.policy, known.version);
    return alone(shelf, async () => heldOf(shelf.policy, await bring(shelf, snapshot)));
  };

  return {
    published: (model, snapshot, policy) => {
      const key = keyOf(snapshot);
      drop(key);
      hot.set(key, { model, ...heldOf(policy, policy.version) });
      const published = [...hot].filter(([, { model: of }]) => of === model).map(([of]) => of);
      for (const old of published.slice(0, -HOT)) drop(old);
    },
    forget: (model) => {
      for (const [key, { model: of }] of hot) if (of === model) drop(key);
    },
    read: async (snapshot, work) => {
      if (snapshot.path === undefined) {
        const policy = base();
        return work({ policy, version: policy.version, scoring: (score) => score(policy) });
      }
      const scoring: Reader["scoring"] = async (score) => {
        const shelf = await shelfOf(snapshot.lora);
        return alone(shelf, async () => {
          await bring(shelf, snapshot);
          return score(shelf.policy);
        });
      };
      const { policy, version, release } = await hold(snapshot);
      try {
        return await work({ policy, version, scoring });
      } finally {
        release();
      }
    },
  };
};
