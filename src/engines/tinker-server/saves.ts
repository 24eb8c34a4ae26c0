import type { Policy } from "../../engine.ts";
import type { Outcome } from "./futures.ts";
import type { Model, Passing } from "./model.ts";
import { Refusal } from "./refusal.ts";
import type { Snapshot, Snapshots } from "./snapshots.ts";
import { pathOf, type StateAbout, type StateFiles, type StateKind } from "./state-files.ts";

/** A sampling session of a path. */
export interface Use {
  /** Hash of the state that it samples. */
  readonly state: string | undefined;
  /** Whether it was asked for samples, or was opened, a short while ago. */
  readonly recent: boolean;
}

/** What a server lends for saving. */
export interface SaveParts {
  readonly base: string;
  readonly files: StateFiles;
  readonly snapshots: Snapshots;
  /** Milliseconds of wall time. */
  readonly now: () => number;
  /** A session for a snapshot: its id. */
  readonly openSampler: (model: Model, seq: number, snapshot: Snapshot) => string;
  /** The sessions that are open for a path. */
  readonly usesOf: (path: string) => readonly Use[];
}

/** What is saved: under a name, or for a sampling session of this number. */
export interface SaveRequest {
  readonly name: string;
  readonly overwrite: boolean;
  /** Undefined: it was named. */
  readonly session: number | undefined;
}

export interface Saves {
  weights(model: Model, policy: Policy, request: SaveRequest): Promise<Outcome>;
  forSampler(model: Model, policy: Policy, request: SaveRequest): Promise<Outcome>;
  /** Removes what the model keeps for sampling sessions. */
  removePassing(model: Model): Promise<void>;
}

/** Snapshots for sampling sessions only that a model keeps, whether or not they are sampled. */
const PASSING = 32;

export const createSaves = ({ base, files, snapshots, now, openSampler, usesOf }: SaveParts): Saves => {
  const save = async (model: Model, kind: StateKind, policy: Policy, { name, overwrite }: SaveRequest) => {
    const path = pathOf(model.id, kind, name);
    const known = await files.has(model.id, kind, name);
    if (known && !overwrite) throw new Refusal(`${path} exists: choose another name, or send overwrite.`);
    // Whoever samples what had the name continues with it.
    const aside = known && kind === "sampler_weights" && usesOf(path).length > 0;
    const previous = aside ? await files.setAside(model.id, kind, name) : undefined;
    if (previous !== undefined) model.passing = [...model.passing, { name, state: previous, aside }];
    const about: StateAbout = { base, lora: model.lora, time: new Date(now()).toISOString() };
    const state = await files.save(model.id, kind, name, await policy.exportState(), about);
    return { path, state };
  };
  const remove = async ({ id }: Model, { name, state, aside }: Passing): Promise<void> => {
    if (aside) await files.removeAside(id, "sampler_weights", state);
    else await files.remove(id, "sampler_weights", name);
  };
  /** Removes the oldest of those that nobody samples. */
  const trim = async (model: Model): Promise<void> => {
    const sampled = ({ name, state }: Passing): boolean =>
      usesOf(pathOf(model.id, "sampler_weights", name)).some((use) => use.recent && use.state === state);
    const old = model.passing.slice(0, -PASSING).filter((one) => !sampled(one));
    model.passing = model.passing.filter((one) => !old.includes(one));
    for (const one of old) await remove(model, one);
  };
  return {
    weights: async (model, policy, request) => {
      const { path } = await save(model, "weights", policy, request);
      return { type: "save_weights", path };
    },
    forSampler: async (model, policy, request) => {
      await policy.publish();
      const { name, session: seq } = request;
      const snapshot = { ...(await save(model, "sampler_weights", policy, request)), lora: model.lora };
      snapshots.published(model.id, snapshot, policy);
      let session: string | null = null;
      if (seq !== undefined) {
        const others = model.passing.filter((one) => one.aside || one.name !== name);
        model.passing = [...others, { name, state: snapshot.state, aside: false }];
        session = openSampler(model, seq, snapshot);
      }
      await trim(model);
      return {
        type: "save_weights_for_sampler",
        path: seq === undefined ? snapshot.path : null,
        sampling_session_id: session,
      };
    },
    removePassing: async (model) => {
      for (const one of model.passing) await remove(model, one);
    },
  };
};
