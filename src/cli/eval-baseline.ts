import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelAlone, react, toolOrder, withExperience } from "../benchmarks/index.ts";
import { ConfigError } from "../errors.ts";
import type { ExperienceStore } from "../experience.ts";
import { createFlow, type FlowOptions } from "../flow/flow.ts";
import { bestOrder } from "../learn/baselines.ts";
import type { ChatModel } from "../model.ts";
import { randomKey } from "../random.ts";
import type { SetUp, SetUpOptions } from "../setup/set-up.ts";
import { openExperience } from "../store/experience.ts";
import { queryOf } from "../task.ts";
import { toolsetOf } from "../tool.ts";
import { mapConcurrently } from "../train/index.ts";
import { hashOf } from "./done-before.ts";
import type { EvalOptions } from "./eval-options.ts";
import type { EvalSource, World } from "./eval-source.ts";

/** Who is evaluated, and what of it no other setting says. */
export interface Contender {
  readonly flow: FlowOptions;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Instead of the players of the set-up. */
  readonly players?: readonly { readonly role: string; readonly id: string; readonly where: string }[];
  dispose(): Promise<void>;
}

const TRAINED = "runs";

/** What is opened for an evaluation: a project with the planner that it has trained, a baseline with its own. */
export const setUpFor = (options: EvalOptions, source: EvalSource): SetUpOptions => {
  const { baseline, config, tools, maxTurns, budget } = options;
  const trained = baseline === "flow-grpo" || (baseline === undefined && config !== undefined);
  const protocol = config === undefined ? source.benchmark?.protocol : undefined;
  return {
    ...options,
    runs: trained ? TRAINED : undefined,
    live: source.benchmark !== undefined,
    // An order may name a tool twice.
    tools: tools === undefined ? undefined : [...new Set(tools)],
    maxTurns: maxTurns ?? protocol?.turns,
    budget: protocol === undefined ? budget : { seconds: protocol.seconds, ...budget },
  };
};

/** The flow of an evaluation, or of the baseline that was asked for. Throws `ConfigError` where it lacks what it needs. */
export const contenderOf = async (setUp: SetUp, source: EvalSource, options: EvalOptions): Promise<Contender> => {
  const { baseline, tools } = options;
  const { flow } = setUp;
  const plain = { flow, settings: {}, dispose: async () => undefined };
  if (baseline === "model-alone" || baseline === "react") {
    const { model, id, where } = aloneIn(setUp, baseline);
    const role = baseline === "react" ? "single policy" : "model";
    return {
      ...plain,
      flow: baseline === "react" ? react(flow, model) : modelAlone(flow, model),
      players: [{ role, id, where }],
    };
  }
  if (baseline === "fixed-order") {
    if (source.world !== undefined) return fixedOrderIn(source.world, setUp, options);
    const order = tools ?? Object.keys(toolsetOf(flow.tools));
    return { ...plain, flow: toolOrder(flow, order), settings: { order } };
  }
  return baseline === "experience" ? experienced(setUp, source, options) : plain;
};

const aloneIn = ({ players }: SetUp, baseline: string): { model: ChatModel; id: string; where: string } => {
  const wanted = baseline === "react" ? "planner" : "generator";
  const player = players.find(({ role }) => role === wanted);
  if (player?.model === undefined)
    throw new ConfigError(
      `--baseline ${baseline} needs a chat model, and the ${wanted} is ${player?.id ?? "none"}: name one with --model.`,
    );
  return { model: player.model, id: player.id, where: player.where };
};

const SEARCH_TASKS = 64;

/** The Almanac's planner of a fixed order: of the tools that are named, else the best order on training tasks. */
const fixedOrderIn = async (
  { environment, tasks }: World,
  { flow }: SetUp,
  { tools, seed, concurrency }: EvalOptions,
): Promise<Contender> => {
  const order =
    tools ??
    (await bestOrder({ environment, tools: toolsetOf(flow.tools), seed, concurrency, searchTasks: SEARCH_TASKS }));
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const planner = environment.fixedOrder.planner(order, (id) => byId.get(id));
  return { flow: { ...flow, planner }, settings: { order }, dispose: async () => undefined };
};

/** The planner with a memory of earlier tasks: the folder that is named, else training tasks that it solved just now. */
const experienced = async (setUp: SetUp, { world }: EvalSource, options: EvalOptions): Promise<Contender> => {
  const planning = setUp.players.find(({ role }) => role === "planner")?.model;
  const folder = options.experience ?? (world === undefined ? undefined : await mkdtemp(join(tmpdir(), "agentflow-")));
  if (folder === undefined)
    throw new ConfigError(
      "--baseline experience needs --experience <folder>: what a project with `experience` in its configuration keeps of its solves.",
    );
  const store = await openExperience(folder, { threshold: ALIKE });
  if (world !== undefined && options.experience === undefined) await gather(world, setUp.flow, store, options);
  const kept = store.list();
  return {
    flow: withExperience(setUp.flow, store, planning),
    settings: { experience: { kept: kept.length, sha256: hashOf(kept) } },
    dispose: async () => {
      await store.close();
      if (options.experience === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
};

/** How alike an earlier question has to be, and how many training tasks are tried. */
const ALIKE = 0.8;
const GATHERED_TASKS = 600;

/** Keeps the training tasks that a flow solves. */
const gather = async (
  { environment }: World,
  options: FlowOptions,
  store: ExperienceStore,
  { seed, concurrency }: EvalOptions,
): Promise<void> => {
  const { families, reward, train } = environment;
  const tasks = Array.from({ length: GATHERED_TASKS }, (_, i) =>
    train(families[i % families.length] ?? "", Math.floor(i / families.length)),
  );
  const flow = createFlow(options);
  const solves = await mapConcurrently(tasks, concurrency, async (task, i) => {
    const { trajectory } = await flow.solve(queryOf(task), {
      id: `gathered/${seed}/${i}`,
      randomKey: randomKey(seed, "gathered", i),
    });
    return { trajectory, right: (await reward(task, trajectory.answer)) === 1 };
  });
  // In the order of the tasks, whatever finished first.
  for (const { trajectory, right } of solves)
    if (right) await store.record(trajectory, { source: "training", reward: 1 });
};
