import { join } from "node:path";
import { almanac } from "../almanac/environment.ts";
import { systemClock } from "../clock.ts";
import type { Policy } from "../engine.ts";
import type { EnvironmentSource } from "../environment.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import { familiarityOf } from "../familiarity.ts";
import { createFlow } from "../flow/flow.ts";
import { learn, resume } from "../learn/learn.ts";
import { aboutPrompts } from "../learn/recipe-prompts.ts";
import { secondsOf } from "../learn/run-stream.ts";
import { settingsOf } from "../learn/settings.ts";
import { openLearning } from "../learn/start.ts";
import { defined } from "../options.ts";
import { why } from "../review/index.ts";
import { type Redactor, redactor } from "../secrets/redact.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { loadConfig } from "../setup/config-file.ts";
import { findPlayers, localPlanner } from "../setup/local-model.ts";
import { projectFile } from "../setup/project-file.ts";
import { remoteModel } from "../setup/remote-model.ts";
import { openSetUp, type SetUpOptions } from "../setup/set-up.ts";
import { openedAgain } from "../setup/stored-run.ts";
import { type ChosenPlanner, trainedPlanner, turnsOf } from "../setup/trained-planner.ts";
import type { FolderExperience } from "../store/experience.ts";
import type { RunStarter } from "./run-control.ts";
import { serveLearning } from "./served-learning.ts";
import type { ServedFlow } from "./served-models.ts";

export interface ServedSetUpOptions extends SetUpOptions {
  /** Folder of the runs. */
  readonly folder: string;
  /** Learn from feedback while serving. */
  readonly learn: boolean;
  /** Judgements that start a round of it. @default 32 */
  readonly every?: number | undefined;
  /** Share of the requests that a new version answers while it is tried. @default 0.1 */
  readonly share?: number | undefined;
}

/** A flow as somebody asked for it, ready to be served. */
export interface ServedSetUp {
  readonly served: ServedFlow;
  /** How runs of learning are started in the same environment. */
  readonly training: RunStarter;
  /** Who plans, for people. */
  readonly planner: string;
  readonly redact: Redactor;
  /** Memory across tasks, where the configuration names a folder for it. */
  readonly experience: FolderExperience | undefined;
  /** Where weights that learnt while serving are kept, once there is a folder for them. */
  keepIn(folder: string): void;
  dispose(): Promise<void>;
}

/** Questions that a new version must still solve. */
const GATE = 96;

/**
 * Opens what names stand for, as `openSetUp` does, and where it is asked to, so that it learns. Throws `ConfigError`.
 *
 * @example
 * ```ts
 * import { listen, openServed } from "agentflow/server";
 *
 * const { served, training, dispose } = await openServed({ seed: 7, folder: "runs", learn: true }, process.env);
 * const server = await listen({ flows: { agentflow: served }, training, token: "a-long-secret-token" });
 * await server.close();
 * await dispose();
 * ```
 */
export const openServed = async (
  options: ServedSetUpOptions,
  variables: EnvironmentVariables,
): Promise<ServedSetUp> => {
  const { config, folder, seed } = options;
  const environment = async (): Promise<EnvironmentSource> =>
    config === undefined ? almanac() : projectFile(config, variables);
  const training: RunStarter = {
    start: async (settings, signals) =>
      learn({ environment: await environment(), folder, seed, ...settings, ...signals }),
    resume: async (run, signals) =>
      resume(run, { ...(await openedAgain(run, defined({ config }), variables)), ...signals }),
    explain: async (run, task, asked) =>
      why(run, task, { ...(await openedAgain(run, defined({ config }), variables)), ...asked }),
  };
  if (options.learn) return openLearner(options, await environment(), training, variables);
  const setUp = await openSetUp({ ...options, runs: folder }, variables);
  const planner = setUp.players.find(({ role }) => role === "planner");
  return {
    served: {
      flow: createFlow(setUp.flow),
      policies: setUp.policies,
      // A planner with compact prompts has no place for what was said before.
      conversation: planner?.model !== undefined,
    },
    training,
    planner: setUp.chosen?.why ?? `${planner?.id ?? "rules"}, ${planner?.where ?? ""}`,
    redact: setUp.redact,
    experience: setUp.experience,
    keepIn: () => undefined,
    dispose: setUp.dispose,
  };
};

const openLearner = async (
  options: ServedSetUpOptions,
  source: EnvironmentSource,
  training: RunStarter,
  variables: EnvironmentVariables,
): Promise<ServedSetUp> => {
  const { seed, every, share } = options;
  const { name, why, turns } = await learnerName(options, variables);
  const abort = new AbortController();
  const environment = await source.open({ seed, abortSignal: abort.signal });
  const learning = await openLearning({
    settings: settingsOf({ seed }),
    environment,
    planner: localPlanner(name, options),
    recipe: undefined,
    emit: () => undefined,
    now: secondsOf(systemClock),
    abortSignal: abort.signal,
  });
  try {
    const { policies, recipe, concurrency } = learning;
    const { familiar } = await findPlayers(name);
    const flow = learning.flow.with({
      // A planner may see how many turns are left, and knows the limits that it was trained with.
      budget: {
        ...defined({ turns }),
        ...environment.flow.budget,
        ...options.budget,
        ...defined({ turns: options.maxTurns }),
      },
      ...(familiar !== undefined && { familiarity: familiarityOf(familiar) }),
    });
    const { groupSize, optimiser, beta } = recipe.grpo;
    let kept: string | undefined;
    const served = serveLearning({
      online: {
        flow,
        train: policies,
        reward: environment.reward,
        gate: { tasks: environment.evaluation("validation", { heldOutPages: GATE }).heldOutPages },
        seed,
        groupSize,
        tasksPerStep: 16,
        stepsPerRound: 5,
        learningRate: recipe.learningRate.peak / 2,
        optimiser,
        beta,
        concurrency,
        onDiagnosis: () => undefined,
      },
      every,
      trial: defined({ share }),
      save: async () => {
        if (kept !== undefined) await saveAll(policies, kept, aboutPrompts(recipe));
      },
    });
    return {
      served: { flow, policies, conversation: learning.engine.chat !== undefined, learning: served },
      training,
      planner: why,
      redact: redactor(secretsOf(variables)),
      experience: undefined,
      keepIn: (folder) => {
        kept = folder;
      },
      dispose: learning.dispose,
    };
  } catch (error) {
    await learning.dispose();
    throw error;
  }
};

/** The planner that learns: the one that was named, else the newest that a run trained, else the one that the package ships. */
const learnerName = async (
  { policy, model, config, folder }: ServedSetUpOptions,
  variables: EnvironmentVariables,
): Promise<ChosenPlanner> => {
  const loaded = config === undefined ? undefined : await loadConfig(config);
  const asked = model ?? variables.AGENTFLOW_MODEL ?? loaded?.config.model;
  if (policy === undefined && asked !== undefined && (await remoteModel(asked, variables)) !== undefined)
    throw new ConfigError(
      "A model behind an endpoint does not learn: serve it without --learn, or name a local planner (--policy, --model).",
    );
  const named = policy ?? (typeof asked === "string" ? asked.replace(/^local:/, "") : undefined);
  return named === undefined
    ? trainedPlanner(folder, loaded)
    : { name: named, why: named, turns: loaded === undefined ? await turnsOf(named) : undefined };
};

const saveAll = async (
  policies: readonly Policy[],
  folder: string,
  about: Readonly<Record<string, unknown>>,
): Promise<void> => {
  for (const policy of policies)
    await policy.save(join(folder, policies.length === 1 ? "weights" : `weights/${policy.name}`), about);
};
