import { type AgentFlowConfig, type ModelSettings, type RoleName, roleNames } from "../config.ts";
import type { Engine, Policy } from "../engine.ts";
import { openEngine } from "../engines/onnx/index.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import { familiarityOf } from "../familiarity.ts";
import type { FlowOptions } from "../flow/flow.ts";
import { unpricedError } from "../flow/meter.ts";
import { modelAnalyst } from "../flow/model/analyst.ts";
import { modelExecutor } from "../flow/model/executor.ts";
import { modelGenerator } from "../flow/model/generator.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { modelVerifier } from "../flow/model/verifier.ts";
import { type Cast, castOf } from "../learn/cast.ts";
import { chooseRecipe } from "../learn/choose-recipe.ts";
import { type ModuleName, trainableNames } from "../learn/modules.ts";
import type { ChatModel } from "../model.ts";
import { engineModel } from "../models/index.ts";
import type { Generator } from "../module.ts";
import { defined } from "../options.ts";
import { type Redactor, redactor } from "../secrets/redact.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { type FolderExperience, openExperience } from "../store/experience.ts";
import type { Toolset } from "../tool.ts";
import { loadConfig } from "./config-file.ts";
import { BUILT_IN_MODEL, engineOptions, findModel, findPlayers, type Players } from "./local-model.ts";
import { localName, type RemoteModel, remoteModel } from "./remote-model.ts";
import { openTools, pickTools } from "./tools.ts";
import { type ChosenPlanner, trainedPlanner, turnsOf } from "./trained-planner.ts";

export interface SetUpOptions {
  readonly seed: number;
  /** A project's configuration. */
  readonly config?: string | undefined;
  /** A run, its id, an adapter folder or a model folder: the planner that was trained. */
  readonly policy?: string | undefined;
  /** Folder of the runs among which a trained planner is looked for where none is named. @default the untrained planner */
  readonly runs?: string | undefined;
  /** The model of all roles that a configuration names none for. */
  readonly model?: string | undefined;
  /** The planner's own model: goes before the configuration's. */
  readonly planner?: string | undefined;
  /** Without a configuration's tools: those over the web itself instead of the Almanac's. @default false */
  readonly live?: boolean | undefined;
  readonly modules?: readonly ModuleName[] | undefined;
  readonly context?: number | undefined;
  readonly quantisation?: "int8" | "int4" | "none" | undefined;
  /** Names of the tools to use, of those that there are. */
  readonly tools?: readonly string[] | undefined;
  readonly maxTurns?: number | undefined;
  readonly budget?: FlowOptions["budget"];
  /** Tries of a call of a model behind an endpoint. @default 8 */
  readonly attempts?: number | undefined;
  /** Whether a generator by a model also writes the solution; `remote`: only a model of an endpoint. @default false */
  readonly solution?: boolean | "remote" | undefined;
}

/** Who plays a role, for people. */
export interface Player {
  readonly role: RoleName;
  readonly id: string;
  readonly where: string;
  /** Of a model that can be asked; absent for rules and for a trained policy. */
  readonly model?: ChatModel;
}

/** A flow as somebody asked for it. */
export interface SetUp {
  readonly flow: FlowOptions;
  readonly players: readonly Player[];
  readonly config: AgentFlowConfig | undefined;
  readonly engine: Engine | undefined;
  /** Whose versions plan and judge; none where only frozen models play. */
  readonly policies: readonly Policy[];
  /** The planner that was chosen because nobody named one. */
  readonly chosen: ChosenPlanner | undefined;
  /** Takes all secrets out that the environment, the models and the tools hold. */
  readonly redact: Redactor;
  /** Of the folder that the configuration names for it. */
  readonly experience: FolderExperience | undefined;
  dispose(): Promise<void>;
}

type Roles = NonNullable<AgentFlowConfig["roles"]>;

/**
 * Puts a flow together from a configuration, the environment and flags: flags go before the environment, which goes
 * before the file. Without any of them the built-in planner solves over the Almanac, by rules and without a network.
 * Throws `ConfigError`.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openSetUp } from "agentflow/setup";
 *
 * const setUp = await openSetUp({ seed: 7, model: "openai:gpt-5-mini" }, process.env);
 * const result = await createFlow(setUp.flow).solve("What is the capital of Ghana?");
 * await setUp.dispose();
 * ```
 */
export const openSetUp = async (options: SetUpOptions, variables: EnvironmentVariables): Promise<SetUp> => {
  const loaded = options.config === undefined ? undefined : await loadConfig(options.config);
  const config = loaded?.config;
  const asked: ModelSettings | undefined = options.model ?? variables.AGENTFLOW_MODEL ?? config?.model;
  const tries = defined({ attempts: options.attempts });
  const remote = asked === undefined ? undefined : await remoteModel(asked, variables, tries);
  const roles = await remoteRoles({ ...config?.roles, ...defined({ planner: options.planner }) }, variables, tries);
  const localNeeded = options.policy !== undefined || (remote === undefined && !coversAll(roles));
  const isNamed = options.policy !== undefined || asked !== undefined || roles.planner !== undefined;
  const chosen = options.runs === undefined || isNamed ? undefined : await trainedPlanner(options.runs, loaded);
  const named = { ...options, policy: options.policy ?? chosen?.name };
  const engine = localNeeded ? await openLocal(named, remote === undefined ? asked : undefined) : undefined;
  try {
    const cast = engine === undefined ? undefined : castLocal(engine, options);
    const model = remote?.model ?? cast?.model;
    const parts = partsOf(remote?.model, roles, cast?.flow, options);
    const opened = await openTools(config, options, model, variables);
    const tools = pickTools(opened.tools, options.tools);
    const budget = {
      ...defined({ turns: loaded === undefined ? await turnsOf(named.policy) : undefined }),
      ...config?.budget,
      ...options.budget,
      ...defined({ turns: options.maxTurns }),
    };
    refuseUnpriced(budget.dollars, remote, roles);
    const secrets = await secretsIn(variables, remote, roles, tools);
    const experience = config?.experience === undefined ? undefined : await openExperience(config.experience);
    return {
      flow: {
        ...parts,
        ...(experience && { experience: { store: experience, source: "solve" } }),
        tools,
        budget,
        secrets,
        ...defined({ instructions: config?.instructions, grants: config?.grants }),
        // Where a model judges, it says itself whether memory answers the question.
        ...(engine?.familiar === undefined || parts.verifier !== undefined
          ? {}
          : { familiarity: familiarityOf(engine.familiar) }),
        ...(config?.analyst === undefined || parts.analyst !== undefined ? {} : { analyst: config.analyst }),
      },
      players: playersOf(parts, remote, roles, cast === undefined ? undefined : engine?.engine),
      config,
      engine: engine?.engine,
      policies: parts.planner === undefined || parts.planner !== cast?.flow.planner ? [] : policiesOf(engine, cast),
      chosen,
      redact: redactor(secrets),
      experience,
      dispose: async () => {
        await experience?.close();
        await opened.close();
        await engine?.dispose();
      },
    };
  } catch (error) {
    await engine?.dispose();
    throw error;
  }
};

type RemoteRoles = Partial<Readonly<Record<RoleName, "rules" | NonNullable<Awaited<ReturnType<typeof remoteModel>>>>>>;

const remoteRoles = async (
  roles: Roles,
  variables: EnvironmentVariables,
  tries: { readonly attempts?: number },
): Promise<RemoteRoles> => {
  const found: { -readonly [Role in RoleName]?: RemoteRoles[Role] } = {};
  for (const [role, settings] of Object.entries(roles)) {
    const name = roleNames.find((one) => one === role);
    if (name === undefined) throw new ConfigError(`roles.${role} is not a role: accepted are ${roleNames.join(", ")}.`);
    if (settings === undefined) continue;
    const model = settings === "rules" ? "rules" : await remoteModel(settings, variables, tries);
    if (model === undefined)
      throw new ConfigError(
        `roles.${role} names the local model ${JSON.stringify(settings)}: a local model plays all roles that name none (model: …).`,
      );
    found[name] = model;
  }
  return found;
};

/** Throws `ConfigError` where a budget in dollars could not be kept, before anything is asked. */
const refuseUnpriced = (dollars: number | undefined, remote: RemoteModel | undefined, roles: RemoteRoles): void => {
  if (dollars === undefined || !Number.isFinite(dollars)) return;
  const unpriced = remoteModelsOf(remote, roles).find(({ priced }) => priced === false);
  if (unpriced !== undefined) throw unpricedError(dollars, unpriced.id);
};

const remoteModelsOf = (remote: RemoteModel | undefined, roles: RemoteRoles): ChatModel[] =>
  [remote, ...Object.values(roles)].flatMap((one) => (one === undefined || one === "rules" ? [] : [one.model]));

/** Whatever is used as a key by anyone who takes part, and what the environment holds besides. */
const secretsIn = async (
  variables: EnvironmentVariables,
  remote: RemoteModel | undefined,
  roles: RemoteRoles,
  tools: Toolset,
): Promise<readonly string[]> => {
  const holders = [...remoteModelsOf(remote, roles), ...Object.values(tools)];
  const held = await Promise.all(holders.map((holder) => holder?.secrets?.() ?? []));
  return [...new Set([...secretsOf(variables), ...held.flat()])];
};

const coversAll = (roles: RemoteRoles): boolean =>
  (["planner", "executor", "verifier", "generator"] as const).every((role) => roles[role] !== undefined);

interface LocalPlayers extends Omit<Players, "model" | "verifier"> {
  readonly engine: Engine;
  /** Of a verifier with weights of its own. */
  readonly judging?: Engine;
  dispose(): Promise<void>;
}

const openLocal = async (options: SetUpOptions, asked: ModelSettings | undefined): Promise<LocalPlayers> => {
  const name = typeof asked === "string" ? localName(asked) : undefined;
  const { verifier, ...players } = await findPlayers(options.policy ?? name ?? BUILT_IN_MODEL);
  const model = name === undefined || options.policy === undefined ? players.model : await findModel(name);
  const engine = await openEngine(model, engineOptions({ ...options, adapters: players.adapters }));
  try {
    const judging = verifier === undefined ? undefined : await openEngine(verifier, engineOptions(options));
    const dispose = async (): Promise<void> => {
      await engine.dispose();
      await judging?.dispose();
    };
    return { ...players, engine, ...defined({ judging }), dispose };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
};

const castLocal = (
  { engine, judging, adapters, prompt, verdicts, turnsLeft, marked, references }: LocalPlayers,
  { seed, modules, solution }: SetUpOptions,
): Pick<Cast, "flow" | "model" | "policies"> => {
  const train = trainableNames.filter((name) => Object.hasOwn(adapters ?? {}, name));
  const recipe = chooseRecipe({
    builtInModel: BUILT_IN_MODEL,
    learns: engine.learns,
    prompt: engine.chat === undefined ? undefined : (prompt ?? "chat"),
    verdicts,
    turnsLeft,
    marked,
    references,
    isTaught: true,
  });
  const cast = castOf(engine, { seed, modules, train, recipe, solution: solution === true });
  if (judging === undefined) return cast;
  const verifier = modelVerifier(judging.policy("verifier"), { temperature: recipe.temperature });
  return { ...cast, flow: { ...cast.flow, verifier } };
};

/** A small model is a policy as a whole; on a published one only adapters are. */
const policiesOf = (players: LocalPlayers | undefined, { policies }: Pick<Cast, "policies">): readonly Policy[] =>
  players?.engine.learns === "weights" ? [players.engine.policy("planner")] : policies;

type Parts = Partial<Pick<FlowOptions, "model" | "analyst" | "planner" | "executor" | "verifier" | "generator">>;

/** A role's own model goes before the model of all, which goes before the local one; a trained planner stays the planner. */
const partsOf = (
  model: ChatModel | undefined,
  roles: RemoteRoles,
  local: Parts | undefined,
  { policy, solution = false }: Pick<SetUpOptions, "policy" | "solution">,
): Parts => {
  const writer = (by: ChatModel): Generator => modelGenerator(by, { solution: solution !== false });
  const play = <Module>(role: RoleName, make: (model: ChatModel) => Module): Module | undefined => {
    const own = roles[role];
    return own === undefined || own === "rules" ? undefined : make(own.model);
  };
  const analyst = play("analyst", modelAnalyst);
  const planner = play("planner", modelPlanner);
  const executor = play("executor", modelExecutor);
  const verifier = play("verifier", modelVerifier);
  const generator = play("generator", writer);
  return {
    ...(model === undefined || roles.executor === "rules" ? {} : { executor: modelExecutor(model) }),
    ...(model === undefined || roles.verifier === "rules" ? {} : { verifier: modelVerifier(model) }),
    ...(model === undefined || roles.generator === "rules" ? {} : { generator: writer(model) }),
    ...(model === undefined ? {} : { planner: modelPlanner(model) }),
    ...(model === undefined ? local : {}),
    ...(model !== undefined && policy !== undefined && local?.planner !== undefined ? { planner: local.planner } : {}),
    ...defined({ analyst, planner, executor, verifier, generator }),
  };
};

const playersOf = (
  parts: Parts,
  remote: Awaited<ReturnType<typeof remoteModel>>,
  roles: RemoteRoles,
  engine: Engine | undefined,
): Player[] =>
  roleNames.map((role): Player => {
    const own = roles[role];
    if (own !== undefined && own !== "rules") return { role, id: own.model.id, where: own.where, model: own.model };
    const local = engine !== undefined && parts[role] !== undefined;
    if (role === "analyst" || parts[role] === undefined || own === "rules")
      return { role, id: "rules", where: "in this process" };
    if (remote !== undefined && !(local && role === "planner"))
      return { role, id: remote.model.id, where: remote.where, model: remote.model };
    const id = engine?.model ?? "";
    return {
      role,
      id,
      where: `this machine, ${engine?.description.runtime ?? ""}`,
      ...(engine?.chat === undefined ? {} : { model: engineModel(engine.policy("base")) }),
    };
  });
