import type { Policy } from "../engine.ts";
import { StoreError } from "../errors.ts";
import { defined } from "../options.ts";
import { type Checkpoint, readCheckpoint, writeCheckpoint } from "../store/checkpoint.ts";
import type { Extents, Run } from "../store/run-folder.ts";
import type { FlowGrpoOptions } from "../train/index.ts";
import type { KeptBest } from "./keep-best.ts";
import type { SuccessesState } from "./successes.ts";
import type { SamplerState } from "./task-sampler.ts";

/** All that training resumes from, besides the policies' own state. */
export interface TrainingState {
  readonly after: NonNullable<FlowGrpoOptions["after"]>;
  readonly sampler: SamplerState;
  /** What is imitated of earlier steps; absent without replay. */
  readonly successes?: SuccessesState | undefined;
  readonly kept: KeptBest;
  /** The policies before the first step, where the recipe goes back towards them at the end. */
  readonly start?: readonly Uint8Array[] | undefined;
  /** Seconds that went into the parts of training until then. */
  readonly spent: { readonly rollOut: number; readonly train: number; readonly validate: number };
}

/** The state of a run in a checkpoint: how far its files reached and their hashes, the policies, and the rest. */
export interface StoredState {
  readonly extents: Extents;
  readonly state: TrainingState;
  readonly policies: readonly Uint8Array[];
}

interface Progress {
  readonly extents: StoredState["extents"];
  readonly state: Omit<TrainingState, "kept" | "start"> & {
    readonly kept: {
      readonly since: number;
      readonly last?: number;
      readonly step?: number;
      readonly accuracy?: number;
    };
  };
}

/** Writes a checkpoint of training; the rows that were appended until now are part of it. */
export const saveState = async (
  run: Pick<Run, "folder" | "extents">,
  policies: readonly Policy[],
  { kept, start = [], ...state }: TrainingState,
): Promise<void> => {
  const files = new Map<string, Uint8Array>();
  for (const policy of policies) files.set(`policy-${policy.name}.state`, await policy.exportState());
  const { best, since, last } = kept;
  for (const [i, policy] of policies.entries()) {
    const bytes = best?.states[i];
    if (bytes !== undefined) files.set(`best-${policy.name}.state`, bytes);
    if (start[i] !== undefined) files.set(`start-${policy.name}.state`, start[i]);
  }
  const progress: Progress = {
    extents: await run.extents(),
    state: {
      ...state,
      kept: {
        since,
        ...defined({ last }),
        ...(best === undefined ? {} : { step: best.step, accuracy: best.accuracy }),
      },
    },
  };
  files.set("progress.json", new TextEncoder().encode(JSON.stringify(progress)));
  await writeCheckpoint(run.folder, { step: state.after.index + 1, files });
};

/** The newest good checkpoint of a run, up to a number of steps; damaged ones are skipped and reported. */
export const loadState = async (
  folder: string,
  names: readonly string[],
  onDamage: (damage: string) => void,
  most?: number,
): Promise<StoredState | undefined> => {
  const { checkpoint, damage } = await readCheckpoint(folder, most);
  for (const one of damage) onDamage(one);
  return checkpoint === undefined ? undefined : storedOf(checkpoint, names);
};

const storedOf = ({ step, files }: Checkpoint, names: readonly string[]): StoredState => {
  const bytes = (name: string): Uint8Array => {
    const found = files.get(name);
    if (found === undefined) throw new StoreError(`The checkpoint of step ${step} lacks ${name}.`);
    return found;
  };
  const { extents, state } = JSON.parse(new TextDecoder().decode(bytes("progress.json"))) as Progress;
  const { step: bestStep, accuracy, since, last } = state.kept;
  const best =
    bestStep === undefined || accuracy === undefined
      ? undefined
      : { step: bestStep, accuracy, states: names.map((name) => bytes(`best-${name}.state`)) };
  const start = names.flatMap((name) => files.get(`start-${name}.state`) ?? []);
  return {
    extents,
    state: { ...state, kept: { best, since, last }, ...(start.length > 0 && { start }) },
    policies: names.map((name) => bytes(`policy-${name}.state`)),
  };
};
