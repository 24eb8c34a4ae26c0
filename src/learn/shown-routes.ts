import type { TrainingSequence } from "../engine.ts";
import { deriveKey, type Random, random, randomKey } from "../random.ts";
import type { MemoryEntry, Observation, Trajectory } from "../trajectory.ts";
import { type UnitWords, unitWordsIn } from "./asked-words.ts";
import { type Chains, chained, chainsIn } from "./chained.ts";
import type { Demonstration, DemonstrationEnvironment } from "./demonstrations.ts";
import { placedIn } from "./fragments.ts";
import { type PlannerEngine, whatWorked } from "./imitated-sequences.ts";
import { type Made, mistaken, tooEarly } from "./mistaken.ts";
import { type Operands, operandsOf, withOtherOperand } from "./operands.ts";
import { comparisons } from "./planners/candidates.ts";
import { fieldsTaken, renumbered } from "./planners/references.ts";
import type { Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";
import { type Recombinations, recombinationsOf, recombined } from "./recombined.ts";
import { rounds } from "./rounds.ts";
import { type WalkOptions, walkRoutes } from "./routes.ts";
import { reread, thinned } from "./varied-exercises.ts";

export interface ShownRoutesOptions extends WalkOptions {
  readonly environment: DemonstrationEnvironment;
  readonly recipe: Recipe;
}

/**
 * How often a route is shown with another way to name a thing, as one that asks the same of other things, that asks for
 * another field, or that calculates with another operand.
 */
const RECOMBINED = 0.3;
const CHAINED = 0.35;
const REREAD = 0.12;
const OPERANDS = 0.08;
/** Share of the calls before which a mistake stands, and of these mistakes those that calculate with what is not there yet. */
const MISTAKEN = 0.16;
const EARLY = 0.2;
/** How often a mistake is made again before it is put right, and how many times at most. */
const REPEATED = 0.2;
const MOST_REPEATED = 2;

/**
 * Known routes as a planner is shown them: as many of each family, as they were found, recombined or asking for another
 * field, with a mistake now and then that is seen and not imitated, and with fewer words. The same index gives the same one.
 */
export const showRoutes = async (
  options: ShownRoutesOptions,
): Promise<(engine: PlannerEngine, index: number) => readonly TrainingSequence[]> => {
  const { environment, tools, recipe, seed } = options;
  const { isCalculator } = environment;
  const { unavailable = 0, references = "entries", beginnings = false } = recipe;
  const walked = await walkRoutes(options);
  const shown = evenly(walked);
  const routes = walked.map(({ trajectory }) => trajectory);
  const places = placedIn(routes, isCalculator);
  const variations: Variations = {
    shown: recombinationsOf(places, { nouns: false }),
    named: recombinationsOf(places),
    chains: chainsIn(routes.filter((route) => !decides(route))),
    words: unitWordsIn(routes),
    operands: operandsOf(places.filter(([route]) => !decides(route))),
  };
  // Of what is longer than all that was found at most the beginning is shown: a planner has to come to the rest by itself.
  const longest = Math.max(0, ...routes.map(({ memory }) => memory.length));
  const form = { tools, ...promptsOf(recipe) };
  const key = randomKey(seed, "routes shown");
  const routeAt = rounds(shown, key);
  return (engine, index) => {
    const route = routeAt(index);
    if (route === undefined) return [];
    const one = random(deriveKey(key, "shown", index));
    const other = otherOf(route, variations, one);
    const isShown = other !== undefined && (beginnings || other.memory.length <= longest);
    const taken = isShown ? { ...other, memory: other.memory.slice(0, longest) } : route;
    // A question without the one word that tells `first` from `latest` would teach to guess.
    const fields = taken.memory.flatMap(({ step }) => fieldsTaken(step.subGoal));
    const varied = thinned(taken, deriveKey(key, "thinned", index), fields);
    const kinds = { routes, isCalculator, unavailable, references };
    return [whatWorked(engine, withMistakes(varied, kinds, one), form)];
  };
};

/** What routes are varied by. */
interface Variations {
  /** By what other questions show. */
  readonly shown: Recombinations;
  /** Also by nouns. */
  readonly named: Recombinations;
  readonly chains: Chains;
  readonly words: UnitWords;
  readonly operands: Operands;
}

const otherOf = (
  route: Trajectory,
  { shown, named, chains, words, operands }: Variations,
  draws: Random,
): Trajectory | undefined => {
  const drawn = draws.next();
  // What is shown goes first: nouns say as much only where tools and fields have names as questions have them.
  if (drawn < RECOMBINED)
    return (draws.next() < 0.5 ? recombined(shown, draws) : undefined) ?? recombined(named, draws);
  if (drawn < RECOMBINED + CHAINED) return chained(chains, draws, words);
  if (drawn < RECOMBINED + CHAINED + REREAD) return decides(route) ? undefined : reread(route, draws, words);
  return drawn < RECOMBINED + CHAINED + REREAD + OPERANDS ? withOtherOperand(operands, draws) : undefined;
};

/** Whether a comparison is among its calls: then more than one field is asked for. */
const decides = ({ memory }: Trajectory): boolean =>
  memory.some(({ step }) => Object.hasOwn(comparisons, step.subGoal.split(" ")[0] ?? ""));

interface MistakeOptions extends Pick<Made, "references"> {
  /** What mistakes are taken from. */
  readonly routes: readonly Trajectory[];
  readonly isCalculator: (tool: string) => boolean;
  readonly unavailable: number;
}

/** What comes of a mistake that is made again: a call that failed is not made twice. */
const again = (observation: Observation): Observation =>
  observation.status === "failed" ? { status: "refused", reason: "repeated", error: "" } : observation;

/** Now and then a mistake in front of a call: then it is made right. Or it fails for now, and is made again. */
const withMistakes = (
  route: Trajectory,
  { routes, isCalculator, unavailable, references }: MistakeOptions,
  draws: Random,
): Trajectory => {
  const memory: MemoryEntry[] = [];
  const placeOf: number[] = [];
  const turns = route.memory[0]?.turnsLeft ?? 0;
  const push = (entry: Omit<MemoryEntry, "index" | "turnsLeft">): number =>
    memory.push({ ...entry, index: memory.length + 1, turnsLeft: Math.max(0, turns - memory.length) });
  for (const [i, { step, observation, verdict }] of route.memory.entries()) {
    const right = renumbered(step, (entry) => placeOf[entry - 1] ?? entry);
    if (draws.next() < MISTAKEN) {
      const made = { ...route, memory, references };
      const early = draws.next() < EARLY ? tooEarly(route.memory, i, placeOf, made) : undefined;
      const other = draws.pick(draws.pick(routes).memory).step;
      const mistake = early ?? mistaken(right, other, made, draws);
      if (mistake !== undefined && mistake.step.raw !== right.raw) {
        push({ ...mistake, verdict });
        for (let times = 0; times < MOST_REPEATED && draws.next() < REPEATED; times += 1)
          push({ step: mistake.step, observation: again(mistake.observation), verdict });
      }
    }
    if (!isCalculator(step.tool) && draws.next() < unavailable)
      push({ step: right, observation: { status: "failed", reason: "unavailable", error: "" }, verdict });
    placeOf.push(push({ step: right, observation, verdict }));
  }
  return { ...route, memory };
};

/** As many of each family, those of small ones again. */
const evenly = (walked: readonly Demonstration[]): readonly Trajectory[] => {
  const families = new Map<string, Trajectory[]>();
  for (const { task, trajectory } of walked)
    families.set(task.sealed.family, [...(families.get(task.sealed.family) ?? []), trajectory]);
  const most = Math.max(0, ...[...families.values()].map(({ length }) => length));
  return [...families.values()].flatMap((list) =>
    Array.from({ length: most }, (_, i) => list[i % list.length] ?? []).flat(),
  );
};
