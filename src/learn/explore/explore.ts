import type { EnvironmentSealed, EnvironmentTask } from "../../environment.ts";
import { fieldText } from "../../flow/field-text.ts";
import { createFlow, type Flow, type FlowOptions } from "../../flow/flow.ts";
import { statedValue } from "../../flow/observation.ts";
import { fits as fitsUnit } from "../../flow/rules/fits.ts";
import { ruleVerifier } from "../../flow/rules/verifier.ts";
import { random, randomKey } from "../../random.ts";
import { placeOf, settledWithin } from "../../settled-within.ts";
import { queryOf } from "../../task.ts";
import type { Toolset } from "../../tool.ts";
import type { Observation } from "../../trajectory.ts";
import { groupsOf } from "../fragments.ts";
import { type AnswerOptions, answersOf } from "./answers.ts";
import { askedOf } from "./asked.ts";
import { commonest, confirming, MOST_TRIED } from "./confirm.ts";
import { endingsIn } from "./crossed.ts";
import type { Asked, Reading, Seen } from "./seen.ts";
import type { Fits } from "./valid-calls.ts";
import { leastTried, walking, whatWorks } from "./walking.ts";

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
export interface Exploration extends Asked {
  readonly fits: Fits;
  readonly tools: ReadonlyMap<string, ToolRecord>;
  readonly readings: readonly Reading[];
  /** Values with which calls have worked. */
  readonly taken: ReadonlySet<string>;
}

export interface ExploreOptions<Sealed extends EnvironmentSealed> extends AnswerOptions<Sealed> {
  /** Tells its walks from others. */
  readonly name: string;
  readonly tasks: readonly EnvironmentTask<Sealed>[];
  readonly flow: Pick<FlowOptions, "analyst" | "budget" | "replies" | "secrets">;
  readonly seed: number;
  /** Turns of a walk: enough for what a question needs to come by within a few walks. */
  readonly turns: number;
  readonly onProgress: (done: number, total: number) => void;
}

/** Walks over a task at most, while what answers it was not found: the later ones are long and only make calls that work. */
const WALKS = 4;
const SHORT_WALKS = 2;
/**
 * Further walks over each task of a family of which too few were answered, in rounds, and the share that would be enough.
 * There are never more of them than there were walks before.
 */
const FURTHER_ROUNDS = 5;
const WALKS_OF_ROUND = 8;
const MOSTLY = 0.5;
const LONG_WALK = 1.6;
/** Tasks of a family for which long walks are made. */
const MOST_LONG = 12;
/** What a walk may take: a tool that never answers would hold a run before it begins. */
const WALK_SECONDS = 300;
/** Turns of a question where neither it nor the budget says. */
const DEFAULT_TURNS = 10;
/** Tasks that are walked over, and those of each family. */
const MOST_TASKS = 480;
const MOST_OF_FAMILY = 24;

/**
 * Walks over training questions with calls that the schemas allow, those first whose kind was tried least, and keeps what
 * came of them. Where a tool calculates, calculations on what a walk brought are tried, and the reward says which one
 * the question asks, and which comparison decides between two. Nothing is learnt of where to look and in which order.
 */
export const explore = async <Sealed extends EnvironmentSealed>(
  options: ExploreOptions<Sealed>,
): Promise<Exploration> => {
  const { name, tools, calculators, tasks, seed, turns, onProgress, abortSignal } = options;
  const fits: Fits = new Map();
  const records: Records = new Map();
  const places = new Map<string, string>();
  const seen = new Map<string, Seen>();
  const readings: Reading[] = [];
  const taken = new Set<string>();
  const ask = answersOf(options, (tool, observation) => record(records, tool, observation));
  const longest = Math.ceil(LONG_WALK * turns);
  const walker = walking(calculators, fits, taken);
  const walk = createFlow({
    ...options.flow,
    budget: { ...options.flow.budget, turns: longest },
    planner: walker(leastTried),
    // Continues with whatever is there.
    verifier: { ...ruleVerifier(), judge: () => ({ decision: "continue", reason: "" }) },
    loopDetectors: [],
    tools: rememberingPlaces(tools, places),
  });
  const safely = walk.with({ planner: walker(whatWorks) });
  const shuffled = random(randomKey(seed, "explored")).shuffle(tasks);
  const walked = fewOfEach(shuffled, MOST_OF_FAMILY).slice(0, MOST_TASKS);
  const few = fewOfEach(shuffled, MOST_TRIED);
  const kept = new Set(few);
  const tried = tasks.filter((task) => kept.has(task));
  const families = groupsOf(tried, ({ sealed }) => sealed.family);
  // All rounds of walks, and in the end each family.
  const parts = (WALKS + FURTHER_ROUNDS) * walked.length + families.size;
  let walks = 0;
  const walkOver = async (task: EnvironmentTask<Sealed>, flow: Flow, turnLimit: number): Promise<void> => {
    abortSignal.throwIfAborted();
    walks += 1;
    const result = await settledWithin(WALK_SECONDS, `Calling the tools for the task ${task.id}`, () =>
      flow.solve(
        { ...queryOf(task), turnLimit },
        { id: `explore-${name}-${walks}`, randomKey: randomKey(seed, "explore", walks), abortSignal },
      ),
    );
    abortSignal.throwIfAborted();
    // What fails before its first turn, such as an analyst, would look like tools that nothing fits.
    if (result.status === "failed" && result.trajectory.memory.length === 0) throw result.error;
    const { trajectory } = result;
    for (const { step, observation } of trajectory.memory)
      record(records, step.tool, observation, places.get(step.tool));
    const shown = await ask(task, trajectory);
    const known = seen.get(task.id);
    if (known === undefined)
      readings.push({ family: task.sealed.family, question: task.question, analysis: trajectory.analysis });
    // What earlier walks have shown stays.
    seen.set(task.id, {
      ...shown,
      accepted: new Map([...(known?.accepted ?? []), ...shown.accepted]),
      truths: new Map([...(known?.truths ?? []), ...shown.truths]),
    });
  };
  const isAnswered = ({ id }: EnvironmentTask): boolean => (seen.get(id)?.accepted.size ?? 0) > 0;
  const confirm = confirming<Sealed>({
    name: `confirm-${name}`,
    flow: walk,
    seen,
    isRight: async (task, { memory, analysis }) => {
      const value = statedValue(memory.at(-1)?.observation);
      const ends = memory.findIndex(({ observation }) => fitsUnit(statedValue(observation), analysis.unit));
      return value !== undefined && ends === memory.length - 1 && (await options.reward(task, fieldText(value))) === 1;
    },
    abortSignal,
  });
  for (let round = 0; round < WALKS; round += 1) {
    const isLong = round >= SHORT_WALKS;
    const left = walked.filter((task) => !isAnswered(task));
    for (const [i, task] of (isLong ? fewOfEach(left, MOST_LONG) : left).entries()) {
      onProgress(round * walked.length + i, parts);
      await (isLong ? walkOver(task, safely, longest) : walkOver(task, walk, turns));
    }
  }
  await confirm(tried);
  const most = 2 * walks;
  for (let round = 0; round < FURTHER_ROUNDS && walks < most; round += 1) {
    onProgress((WALKS + round) * walked.length, parts);
    const open = fewOfEach(leftOf(families, few, isAnswered), MOST_LONG).slice(0, MOST_TASKS);
    for (let i = 0; i < WALKS_OF_ROUND; i += 1)
      for (const task of open) if (walks < most) await walkOver(task, i % 2 === 0 ? walk : safely, longest);
    const again = new Set(open.map(({ sealed }) => sealed.family));
    await confirm(tried.filter(({ sealed }) => again.has(sealed.family)));
  }
  // What a family's walks came upon in a detour or by coincidence, those of another one may have found as it is meant.
  const best = [...families.values()].flatMap((family) =>
    commonest(
      family.flatMap(({ id }) => seen.get(id) ?? []),
      1,
    ),
  );
  await confirm(tried, {
    endings: endingsIn(best),
    most: walks,
    onFamily: (i) => onProgress(parts - families.size + i, parts),
  });
  return {
    fits,
    tools: records,
    readings,
    taken,
    ...askedOf(tasks, seen, options.flow.budget?.turns ?? DEFAULT_TURNS),
  };
};

/** What chance alone answered has to be found yet; after that, what leaves some of a family unanswered. */
const leftOf = <Sealed extends EnvironmentSealed>(
  families: ReadonlyMap<string, readonly EnvironmentTask<Sealed>[]>,
  tasks: readonly EnvironmentTask<Sealed>[],
  isAnswered: (task: EnvironmentTask<Sealed>) => boolean,
): readonly EnvironmentTask<Sealed>[] => {
  const found = new Set(
    [...families.values()].filter((family) => family.filter(isAnswered).length >= MOSTLY * family.length).flat(),
  );
  const open = tasks.filter((task) => !found.has(task) || !isAnswered(task));
  return open.sort((a, b) => Number(found.has(a)) - Number(found.has(b)));
};

/** The first tasks of each family. */
const fewOfEach = <Sealed extends EnvironmentSealed>(
  tasks: readonly EnvironmentTask<Sealed>[],
  most: number,
): readonly EnvironmentTask<Sealed>[] => {
  const counts = new Map<string, number>();
  return tasks.filter(({ sealed: { family } }) => {
    const count = counts.get(family) ?? 0;
    counts.set(family, count + 1);
    return count < most;
  });
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
