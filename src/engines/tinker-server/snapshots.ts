import type { Policy } from "../../engine.ts";
import type { PolicyPool } from "./policy-pool.ts";
import { type LoraRequest, parsePath, type StateFiles } from "./state-files.ts";

/** Weights that are sampled and never change. */
export interface Snapshot {
  /** Path of its state; undefined for the base. */
  readonly path: string | undefined;
  readonly lora: LoraRequest | undefined;
}

/** A policy that samples a snapshot, and scores texts by it. */
export interface Reader {
  readonly policy: Policy;
  /** The version to sample. */
  readonly version: string;
  /** Runs what reads the policy's current weights, which are the snapshot's meanwhile. */
  readonly scoring: <Result>(work: (policy: Policy) => Promise<Result>) => Promise<Result>;
}

export interface Snapshots {
  /** Keeps what a model's policy has just published ready for sampling, as long as it is among the newest. */
  published(model: string, path: string, policy: Policy): void;
  /** Lets go of what a model published: its policy is used for another one. */
  forget(model: string): void;
  reader(snapshot: Snapshot): Promise<Reader>;
}

/** Snapshots of a model that are sampled from the policy that published them; older ones are read from the disk. */
const HOT = 4;
/** States that are ready at once for older snapshots, of one kind of adapter. */
const COLD = 4;

interface Shelf {
  readonly policy: Policy;
  readonly held: Map<string, { readonly version: string; readonly release: () => void }>;
  /** The path whose state it holds now. */
  current: string | undefined;
  last: Promise<unknown>;
}

export const createSnapshots = (files: StateFiles, pool: PolicyPool, base: () => Policy): Snapshots => {
  const hot = new Map<string, { readonly model: string; policy: Policy; version: string; release: () => void }>();
  const shelves = new Map<string, Promise<Shelf>>();

  const drop = (path: string): void => {
    hot.get(path)?.release();
    hot.delete(path);
  };
  const shelfOf = (lora: LoraRequest | undefined): Promise<Shelf> => {
    const key = JSON.stringify(lora ?? null);
    const shelf =
      shelves.get(key) ??
      pool.lease(lora).then((policy) => ({ policy, held: new Map(), current: undefined, last: Promise.resolve() }));
    shelves.set(key, shelf);
    return shelf;
  };
  /** Work on the shelf's policy, one after the other. */
  const alone = <Result>(shelf: Shelf, work: () => Promise<Result>): Promise<Result> => {
    const mine = shelf.last.then(work, work);
    shelf.last = mine.catch(() => undefined);
    return mine;
  };
  const bring = async (shelf: Shelf, path: string): Promise<string> => {
    if (shelf.current !== path) {
      const { model, kind, name } = parsePath(path);
      const { state } = await files.load(model, kind, name);
      shelf.current = undefined;
      await shelf.policy.importState(state);
      shelf.current = path;
    }
    const known = shelf.held.get(path);
    if (known !== undefined) return known.version;
    const { version } = shelf.policy;
    shelf.held.set(path, { version, release: shelf.policy.hold(version) });
    for (const [oldest, { release }] of shelf.held) {
      if (shelf.held.size <= COLD) break;
      release();
      shelf.held.delete(oldest);
    }
    return version;
  };

  return {
    published: (model, path, policy) => {
      hot.set(path, { model, policy, version: policy.version, release: policy.hold(policy.version) });
      const own = [...hot].filter(([, { model: of }]) => of === model).map(([of]) => of);
      for (const old of own.slice(0, -HOT)) drop(old);
    },
    forget: (model) => {
      for (const [path, { model: of }] of hot) if (of === model) drop(path);
    },
    reader: async ({ path, lora }) => {
      if (path === undefined) {
        const policy = base();
        return { policy, version: policy.version, scoring: (work) => work(policy) };
      }
      const scoring: Reader["scoring"] = async (work) => {
        const shelf = await shelfOf(lora);
        return alone(shelf, async () => {
          await bring(shelf, path);
          return work(shelf.policy);
        });
      };
      const ready = hot.get(path);
      if (ready !== undefined) return { policy: ready.policy, version: ready.version, scoring };
      const shelf = await shelfOf(lora);
      const known = shelf.held.get(path)?.version;
      const version = known ?? (await alone(shelf, () => bring(shelf, path)));
      return { policy: shelf.policy, version, scoring };
    },
  };
};
