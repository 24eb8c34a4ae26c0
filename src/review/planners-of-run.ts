import { join } from "node:path";
import type { Policy } from "../engine.ts";
import type { Environment } from "../environment.ts";
import { ConfigError, StoreError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { goBackTowards } from "../learn/averaged.ts";
import { castOf } from "../learn/cast.ts";
import { loadState, type StoredState } from "../learn/checkpoint-state.ts";
import type { LearnHappening } from "../learn/event.ts";
import { plannerSource } from "../learn/planner-source.ts";
import type { Recipe } from "../learn/recipe.ts";
import type { LearnSettings } from "../learn/settings.ts";
import { type Learning, openLearning } from "../learn/start.ts";
import { readJson, readStoredOptions } from "../learn/stored-options.ts";
import type { Planner } from "../module.ts";
import { stepsIn } from "../store/checkpoint.ts";
import { replyJournal } from "../store/reply-journal.ts";
import { exists } from "../store/run-folder.ts";
import type { OpenPlannersOptions, VersionName } from "./why-types.ts";

/** A version that can be sampled and scored, with the prompts that it knows. */
export interface PlannerVersion {
  readonly name: VersionName;
  readonly planner: Planner;
  readonly flow: Flow;
  /** Content hash of each policy's weights, by policy; the planner's is `hash`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly hash: string;
}

/** Both planners of a run on one engine, in the run's own flow. */
export interface PlannersOfRun {
  readonly environment: Environment;
  readonly settings: LearnSettings;
  readonly config: Readonly<Record<string, unknown>>;
  readonly learning: Learning;
  readonly policy: Policy;
  readonly before: PlannerVersion;
  readonly after: PlannerVersion;
  dispose(): Promise<void>;
}

/** Opens a run's two planners. Throws `ConfigError` for a run that does not have them, and `StoreError`. */
export const openPlanners = async (folder: string, options: OpenPlannersOptions): Promise<PlannersOfRun> => {
  const { versions: [first, second] = ["start", "end"], onStage = () => undefined, abortSignal } = options;
  await requireRunOfLearn(folder);
  const { settings, recipe, config } = await readStoredOptions(folder);
  // Replies that the run got when it was opened are given again; later ones are held in memory and never written.
  const replies = replyJournal(folder);
  await replies.enter("opening");
  const { seed } = settings;
  const environment = await options.environment.open({ seed, replies, onStage, abortSignal });
  await replies.enter("why");
  const learning = await openLearning({
    settings,
    environment,
    planner: plannerSource(options.planner, environment),
    recipe,
    emit: (event) => onStage(stageOf(event)),
    now: () => 0,
    abortSignal,
  });
  const held: (() => void)[] = [];
  const dispose = async (): Promise<void> => {
    for (const letGo of held) letGo();
    await learning.dispose();
  };
  try {
    const [policy] = learning.policies;
    if (policy?.name !== "planner")
      throw new ConfigError(
        `The run ${folder} trained no planner, but ${learning.policies.map(({ name }) => name).join(", ")}.`,
      );
    const hold = (name: VersionName, recipe: Recipe, flow: Flow): PlannerVersion => {
      for (const one of learning.policies) held.push(one.hold(one.version));
      const versions = Object.fromEntries(learning.policies.map((one) => [one.name, one.version]));
      const { planner } = castOf(learning.engine, { ...settings, recipe }).flow;
      if (planner === undefined) throw new ConfigError(`The run ${folder} has no planner.`);
      return { name, planner, flow, versions, hash: policy.version };
    };
    requireWeights(folder, config, policy);
    const start = hold("start", learning.recipeBefore, learning.flowBefore);
    const version = async (name: VersionName): Promise<PlannerVersion> => {
      if (name === "start") return start;
      await importVersion(folder, learning, name);
      return hold(name, learning.recipe, learning.flow);
    };
    const [before, after] = [await version(first), await version(second)];
    return { environment, settings, config, learning, policy, before, after, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
};

const stageOf = (event: LearnHappening): string =>
  event.type === "imitation-step"
    ? `making the planner that the run began with: step ${event.step} of ${event.steps}`
    : event.type === "stage"
      ? event.stage
      : "";

const requireRunOfLearn = async (folder: string): Promise<void> => {
  if (!(await exists(join(folder, "config.json"))))
    throw new ConfigError(`There is no run in ${folder}: it has no config.json. Name the folder of a run.`);
  if (await exists(join(folder, "options.json"))) return;
  const { command = "learn" } = ((await readJson(join(folder, "config.json")))?.config ?? {}) as { command?: unknown };
  throw new ConfigError(
    `${folder} is a run of ${String(command)}, or one that ended before it began: only runs of agentflow learn have an old and a new planner.`,
  );
};

/** The planner that was opened must be the one that the run began with, or nothing that is shown would be the run's. */
const requireWeights = (folder: string, { weights }: Readonly<Record<string, unknown>>, policy: Policy): void => {
  if (weights !== undefined && weights !== policy.version)
    throw new ConfigError(
      `The run ${folder} began with the weights ${String(weights).slice(0, 12)}, and the planner named here has ${policy.version.slice(0, 12)}. Name the model that the run began with; one that is made for its tools has the same bits only on the machine of the run.`,
    );
};

const importVersion = async (
  folder: string,
  { policies, recipe }: Learning,
  name: Exclude<VersionName, "start">,
): Promise<void> => {
  const kept = await stepsIn(folder);
  const list = kept.length === 0 ? "none" : kept.join(" and ");
  if (kept.length === 0)
    throw new ConfigError(
      `The run ${folder} keeps no weights: it has no checkpoint (agentflow learn --checkpoint-every decides how often one is written). Of it agentflow runs show and agentflow report tell what there is.`,
    );
  if (name !== "end" && !kept.includes(name))
    throw new ConfigError(
      `The run ${folder} keeps no checkpoint of step ${name}: kept are ${list}; start and end are always accepted.`,
    );
  const damage: string[] = [];
  const names = policies.map((policy) => policy.name);
  const stored = await loadState(folder, names, (one) => damage.push(one), name === "end" ? undefined : name);
  if (stored === undefined || (name !== "end" && stored.state.after.index + 1 !== name))
    throw new StoreError(`The run ${folder} has no good checkpoint: ${damage.join("; ")}.`);
  const report = name === "end" ? await readJson(join(folder, "report.json")) : undefined;
  const states = statesOf(stored, report);
  for (const [i, policy] of policies.entries()) {
    const state = states[i];
    if (state !== undefined) await policy.importState(state);
  }
  if (report !== undefined) await goBackTowards(stored.state.start, policies, recipe);
  const told = (report?.after as { readonly weights?: unknown } | undefined)?.weights;
  const [planner] = policies;
  if (told !== undefined && planner !== undefined && told !== planner.version)
    throw new StoreError(
      `The checkpoint in ${folder} has the weights ${planner.version.slice(0, 12)}, and its report is of ${String(told).slice(0, 12)}: they are not of the same run.`,
    );
};

/** A run that went back to its best version at the end keeps it beside its last one. */
const statesOf = (
  { policies, state }: StoredState,
  report: Readonly<Record<string, unknown>> | undefined,
): readonly Uint8Array[] => (report?.keptStep === undefined ? policies : (state.kept.best?.states ?? policies));
