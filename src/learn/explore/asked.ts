import type { EnvironmentTask } from "../../environment.ts";
import { inQuestionOrder } from "../planners/question-order.ts";
import type { AskedCalculation } from "../planners/random-valid.ts";
import { decisionIn } from "./decision.ts";
import { isRare, reachedIn } from "./reached.ts";
import type { Asked, Decision, FamilyReach, Found, KnownWay, Seen } from "./seen.ts";

/** What each question asks to be calculated: what its family decides by, where it decides, and what answers it. */
export const askedOf = (tasks: readonly EnvironmentTask[], seen: ReadonlyMap<string, Seen>, turns: number): Asked => {
  const families = new Map<string, EnvironmentTask[]>();
  for (const task of tasks) families.set(task.sealed.family, [...(families.get(task.sealed.family) ?? []), task]);
  const asked = new Map<string, readonly AskedCalculation[]>();
  const ways = new Map<string, readonly KnownWay[]>();
  const decisions = new Map<string, Decision>();
  const reached = new Map<string, FamilyReach>();
  const routes = new Map<string, readonly string[]>();
  const early = new Map<string, string>();
  for (const [name, family] of families) {
    const shown = family.flatMap(({ id }) => seen.get(id) ?? []);
    const answers = answersIn(family, seen);
    const { decision, comparison: decides, state } = decisionIn(shown);
    if (decision !== undefined) decisions.set(name, decision);
    const known: KnownWay[] = [];
    const deciding = decidingCalls(shown, decides, state);
    for (const { id } of family) {
      const { template = "", accepted, truths } = seen.get(id) ?? {};
      const answer = answers(id);
      const comparison = decides === undefined ? undefined : truths?.get(decides);
      const both = [comparison?.asked, answer?.way.asked].filter((one) => one !== undefined);
      if (both.length > 0) asked.set(id, both);
      const own = answer && accepted?.get(answer.name);
      for (const way of [comparison, own])
        if (way?.asked !== undefined) known.push({ template, asked: way.asked, plan: way.plan });
      const decided = deciding.get(template);
      const end = decided?.early ?? (own === undefined ? seen.get(id)?.early[0] : undefined);
      if (end !== undefined) early.set(id, end);
      // Where something decides, a route without it would be a guess.
      const isWhole = end === undefined && (decided !== undefined || deciding.size === 0);
      if (own !== undefined && isWhole)
        routes.set(id, inQuestionOrder(joined(decided?.plan ?? [], own.plan), decided?.plan.length));
    }
    if (known.length > 0) ways.set(name, known);
    const reach = reachedIn(family, { seen, routes, early, turns });
    reached.set(name, reach);
    if (isRare(reach)) for (const { id } of family) routes.delete(id);
  }
  return { asked, ways, decisions, reached, routes };
};

/** The calls that bring what a family decides by, by the words of its questions: what they refer to is the same in all of these. */
const decidingCalls = (
  shown: readonly Seen[],
  comparison: string | undefined,
  state: string | undefined,
): ReadonlyMap<string, Pick<Found, "plan" | "early">> => {
  const deciding = new Map<string, Pick<Found, "plan" | "early">>();
  for (const { template, truths, cases } of shown) {
    const found = truths.get(comparison ?? "") ?? cases.get(state ?? "");
    // Walks come to the same in detours, too.
    if (found !== undefined && found.plan.length < (deciding.get(template)?.plan.length ?? Infinity))
      deciding.set(template, found);
  }
  return deciding;
};

/** Calls of two plans, those of the first one first and none twice. */
const joined = (first: readonly string[], second: readonly string[]): readonly string[] => {
  const plan = [...first];
  const places: number[] = [];
  for (const action of second) {
    const same = action.replace(/@(\d+)/g, (_, entry: string) => `@${places[Number(entry) - 1]}`);
    const known = plan.indexOf(same);
    places.push(known < 0 ? plan.push(same) : known + 1);
  }
  return plan;
};

/** Share of a family that agrees on a calculation from which it stands for the tasks without a find, too. */
const AGREEMENT = 0.6;

/** Chance finds go: of those of a task the one counts that is commonest in its family. */
const answersIn = (
  family: readonly EnvironmentTask[],
  seen: ReadonlyMap<string, Seen>,
): ((id: string) => { readonly name: string; readonly way: Found } | undefined) => {
  const counts = new Map<string, number>();
  const byName = new Map<string, Found>();
  let finds = 0;
  for (const { id } of family) {
    const accepted = seen.get(id)?.accepted ?? new Map<string, Found>();
    if (accepted.size > 0) finds += 1;
    for (const [name, way] of accepted) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      byName.set(name, way);
    }
  }
  const ranked = [...counts].sort(([, a], [, b]) => b - a);
  const [first, times = 0] = ranked[0] ?? [];
  const agreed = times >= AGREEMENT * finds ? first : undefined;
  return (id) => {
    const accepted = seen.get(id)?.accepted;
    const [name = agreed] = ranked.find(([one]) => accepted?.has(one)) ?? [];
    const way = name === undefined ? undefined : byName.get(name);
    return name === undefined || way === undefined ? undefined : { name, way };
  };
};
