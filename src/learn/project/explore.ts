import { fieldText } from "../../flow/field-text.ts";
import { createFlow, type FlowOptions } from "../../flow/flow.ts";
import { statedValue } from "../../flow/observation.ts";
import { ruleExecutor } from "../../flow/rules/executor.ts";
import { ruleVerifier } from "../../flow/rules/verifier.ts";
import type { AskedCalculation } from "../../learn/planners/random-valid.ts";
import type { FlowState, ModuleContext, Planner } from "../../module.ts";
import { deriveKey, random, randomKey } from "../../random.ts";
import { placeOf, settledWithin } from "../../settled-within.ts";
import { queryOf, type Reward } from "../../task.ts";
import type { Toolset } from "../../tool.ts";
import { type Observation, stepOf, type Trajectory } from "../../trajectory.ts";
import { calculations, type Known, knownFields, operations } from "../planners/candidates.ts";
import type { ProjectSealed, ProjectTask } from "./project-tasks.ts";
import { allowedCalls, type Fits } from "./valid-calls.ts";

/** What a tool did when it was called with real arguments. */
export interface ToolRecord {
  readonly calls: number;
  readonly ok: number;
  /** Calls after which the flow could end: they stated a field `value`. */
  readonly values: number;
  /** Calls that brought a field, to which later calls can refer. */
  readonly fields: number;
  /** They brought a list. */
  readonly isList?: boolean;
  readonly lastError?: string;
}

/** What random calls on training questions have shown. */
export interface Exploration {
  readonly fits: Fits;
  readonly tools: ReadonlyMap<string, ToolRecord>;
  /** By task: the calculation on what tools brought that the reward accepts. */
  readonly asked: ReadonlyMap<string, AskedCalculation>;
}

export interface ExploreOptions<Own> {
  readonly tools: Toolset;
  readonly calculators: ReadonlySet<string>;
  readonly tasks: readonly ProjectTask<Own>[];
  readonly reward: Reward<ProjectSealed<Own>>;
  readonly flow: Pick<FlowOptions, "analyst" | "budget" | "replies" | "secrets">;
  readonly seed: number;
  /** Turns of a walk: enough for what a question needs to come by within a few walks. */
  readonly turns: number;
  readonly onProgress: (done: number, total: number) => void;
  readonly abortSignal: AbortSignal;
}

/** Walks over a task at most, while its calculation was not found. */
const WALKS = 3;
/** What a walk may take: a tool that never answers would hold a run before it begins. */
const WALK_SECONDS = 300;
/** Tasks that are walked over. */
const MOST_TASKS = 400;

/**
 * Walks over training questions with calls that the schemas allow, those first whose kind was tried least, and keeps what
 * came of them. Where a tool calculates, every calculation on what a walk brought is tried, and the reward says which one
 * the question asks. Nothing is learnt of where to look and in which order.
 */
export const explore = async <Own>(options: ExploreOptions<Own>): Promise<Exploration> => {
  const { tools, calculators, tasks, seed, turns, onProgress, abortSignal } = options;
  const fits: Fits = new Map();
  const records: Records = new Map();
  const places = new Map<string, string>();
  const found = new Map<string, Map<string, AskedCalculation>>();
  const walk = createFlow({
    ...options.flow,
    budget: { ...options.flow.budget, turns },
    planner: leastTried(calculators, fits),
    // Continues with whatever is there.
    verifier: { ...ruleVerifier(), judge: () => ({ decision: "continue", reason: "" }) },
    loopDetectors: [],
    tools: rememberingPlaces(tools, places),
  });
  const walked = random(randomKey(seed, "explored")).shuffle(tasks).slice(0, MOST_TASKS);
  for (let round = 0; round < WALKS; round += 1) {
    for (const [i, task] of walked.entries()) {
      abortSignal.throwIfAborted();
      onProgress(round * walked.length + i, WALKS * walked.length);
      if ((found.get(task.id)?.size ?? 0) > 0) continue;
      const result = await settledWithin(WALK_SECONDS, `Calling the tools for the task ${task.id}`, () =>
        walk.solve(
          { ...queryOf(task), turnLimit: turns },
          { id: `explore-${round}-${i}`, randomKey: randomKey(seed, "explore", round, i), abortSignal },
        ),
      );
      abortSignal.throwIfAborted();
      // What fails before its first turn, such as an analyst, would look like tools that nothing fits.
      if (result.status === "failed" && result.trajectory.memory.length === 0) throw result.error;
      const { trajectory } = result;
      for (const { step, observation } of trajectory.memory)
        record(records, step.tool, observation, places.get(step.tool));
      for (const tool of calculators)
        found.set(task.id, await acceptedCalculations(options, tool, task, trajectory, records));
    }
  }
  return { fits, tools: records, asked: commonest(tasks, found) };
};

type Records = Map<string, { -readonly [Name in keyof ToolRecord]: ToolRecord[Name] }>;

/** Tools that note where they throw: a planner has no use for it, but whoever wrote the tool has. */
const rememberingPlaces = (tools: Toolset, places: Map<string, string>): Toolset =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [
      name,
      {
        ...tool,
        execute: async (input, context) => {
          try {
            return await tool.execute(input, context);
          } catch (thrown) {
            places.set(name, placeOf(thrown));
            throw thrown;
          }
        },
      },
    ]),
  );

const record = (records: Records, tool: string, observation: Observation, place = ""): void => {
  if (tool === "") return;
  const entry = records.get(tool) ?? { calls: 0, ok: 0, values: 0, fields: 0 };
  entry.calls += 1;
  if (observation.status === "ok") {
    entry.ok += 1;
    if (statedValue(observation) !== undefined) entry.values += 1;
    if (Object.keys(observation.fields).length > 0) entry.fields += 1;
    else if (observation.text.startsWith("[")) entry.isList = true;
  } else entry.lastError = `${observation.error}${observation.reason === "tool-error" ? place : ""}`;
  records.set(tool, entry);
};

/** A planner that calls each tool alike, with arguments from where they were taken least often. It learns what works. */
const leastTried = (calculators: ReadonlySet<string>, fits: Fits): Planner => {
  /** What the last call of each walk under way was. */
  const pending = new Map<string, string>();
  const settle = (history: string, { memory }: Pick<FlowState, "memory">): void => {
    const key = pending.get(history);
    const entry = key === undefined ? undefined : fits.get(key);
    if (entry !== undefined && memory.at(-1)?.observation.status === "ok") entry.ok += 1;
    pending.delete(history);
  };
  return (state, { history, randomKey: key }) => {
    settle(history, state);
    const draws = random(deriveKey(key, "explore", state.turn));
    const fields = knownFields(state);
    const open = Object.keys(state.tools)
      .filter((tool) => !calculators.has(tool))
      .map((tool) => ({ tool, calls: allowedCalls(state.tools, tool, state, fields) }))
      .filter(({ calls }) => calls.length > 0);
    if (open.length === 0) return { step: stepOf(""), error: "There is no further call." };
    const { tool, calls } = draws.pick(open);
    const worth = (sources: string): number => {
      const { tries, ok } = fits.get(`${tool}: ${sources}`) ?? { tries: 0, ok: 0 };
      // Half of the time it continues from what works: that leads further.
      return ok > 0 && draws.next() < 0.5 ? -1 : tries;
    };
    const ranked = draws.shuffle(calls).map((call) => ({ call, rank: worth(call.sources) }));
    const { call } = ranked.reduce((best, one) => (one.rank < best.rank ? one : best));
    const name = `${tool}: ${call.sources}`;
    const entry = fits.get(name) ?? { tries: 0, ok: 0 };
    entry.tries += 1;
    fits.set(name, entry);
    pending.set(history, name);
    return { step: stepOf(`${tool} ${call.subGoal}`) };
  };
};

/** Most calculations that are tried on what one walk has brought. */
const MOST_CALCULATIONS = 800;

/** All calculations on the fields of a walk that the reward accepts, by their operation and the names of their fields. */
const acceptedCalculations = async <Own>(
  { tools, reward, abortSignal }: ExploreOptions<Own>,
  tool: string,
  task: ProjectTask<Own>,
  { query, analysis, memory }: Trajectory,
  records: Records,
): Promise<Map<string, AskedCalculation>> => {
  const state: FlowState = { query, analysis, memory, tools, turn: memory.length + 1, turnsLeft: 1 };
  const context: ModuleContext = {
    history: "explore",
    randomKey: randomKey("explore"),
    turns: [],
    versions: {},
    abortSignal,
  };
  const fields = knownFields(state);
  const byReference = new Map(fields.map((field) => [field.reference, field]));
  const subGoals = Object.keys(operations).flatMap((operation) => calculations(state, operation, fields));
  const executor = ruleExecutor();
  const found = new Map<string, AskedCalculation>();
  for (const subGoal of subGoals.filter(inOrder).slice(0, MOST_CALCULATIONS)) {
    const call = await executor.write({ tool, subGoal, raw: "" }, state, context);
    if ("error" in call) continue;
    const observation = await executor.run(call, state, context);
    record(records, tool, observation);
    const value = statedValue(observation);
    if (value === undefined || !((await reward(task, fieldText(value))) === 1)) continue;
    const asked = askedBy(subGoal, byReference);
    found.set([asked.operation, ...asked.fields].join(" "), asked);
  }
  return found;
};

/** Of two operands in both orders, one: all operations on two give the same either way. */
const inOrder = (subGoal: string): boolean => {
  const [, a = "", b = "~"] = subGoal.split(" ");
  return a.localeCompare(b, "en", { numeric: true }) < 0;
};

const askedBy = (subGoal: string, fields: ReadonlyMap<string, Known>): AskedCalculation => {
  const [operation = "", ...references] = subGoal.split(" ");
  return { operation, fields: references.map((reference) => fields.get(reference)?.name ?? "").sort() };
};

/** Share of a family that agrees on a calculation from which it stands for the tasks without a find, too. */
const AGREEMENT = 0.6;

/** Chance finds go: of those of a task the one counts that is commonest in its family. */
const commonest = (
  tasks: readonly ProjectTask[],
  found: ReadonlyMap<string, ReadonlyMap<string, AskedCalculation>>,
): Map<string, AskedCalculation> => {
  const counts = new Map<string, Map<string, number>>();
  const finds = new Map<string, number>();
  for (const { id, sealed } of tasks) {
    const of = counts.get(sealed.family) ?? new Map<string, number>();
    counts.set(sealed.family, of);
    const own = found.get(id) ?? new Map<string, AskedCalculation>();
    if (own.size > 0) finds.set(sealed.family, (finds.get(sealed.family) ?? 0) + 1);
    for (const name of own.keys()) of.set(name, (of.get(name) ?? 0) + 1);
  }
  const asked = new Map<string, AskedCalculation>();
  const byName = new Map([...found.values()].flatMap((own) => [...own]));
  for (const { id, sealed } of tasks) {
    const of = [...(counts.get(sealed.family) ?? [])].sort(([, a], [, b]) => b - a);
    const own = found.get(id);
    const [first, times = 0] = of[0] ?? [];
    const agreed = times >= AGREEMENT * (finds.get(sealed.family) ?? 0) ? first : undefined;
    const [name] = of.find(([one]) => own?.has(one)) ?? [agreed];
    const calculation = name === undefined ? undefined : byName.get(name);
    if (calculation !== undefined) asked.set(id, calculation);
  }
  return asked;
};
