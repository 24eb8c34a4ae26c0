import type { Finding } from "../../environment.ts";
import type { Asked, Decision, Seen } from "./seen.ts";

/** A decision is one where this many tasks show it, both ways, and what is seen tells this share of them apart. */
const FEWEST_SHOWN = 8;
const FEWEST_EACH = 0.2;
/** Where fewer than that are answered the other way, this many, and this share, are more than a coincidence. */
const FEWEST_RARE = 4;
const RARE = 0.05;
const TOLD_APART = 0.9;
/** Of the tasks whose words are those of another one, the least share that is answered the other way. */
const WORDED_ALIKE = 0.15;

interface Sided {
  readonly seen: Seen;
  /** By which of the two it is answered. */
  readonly isFirst: boolean;
}

/** How a family decides. */
interface Told {
  readonly decision: Decision | undefined;
  /** The name of the comparison by which it does, where it is one with what the question names. */
  readonly comparison: string | undefined;
  /** Among the cases of what was seen, the one that tells. */
  readonly state: string | undefined;
}

const nothing: Told = { decision: undefined, comparison: undefined, state: undefined };

/** Between what questions are answered by, else between the things that the same is asked of: the one gardener or the other. */
export const decisionIn = (shown: readonly Seen[]): Told => {
  const told = decisionBetween(shown, ({ accepted }) => [...accepted.keys()]);
  if (isTold(told)) return told;
  const byThings = decisionBetween(shown, ({ accepted }) => {
    const [first] = accepted;
    return first === undefined ? [] : [`${first[0]} by ${first[1].plan.join(", ")}`];
  });
  return isTold(byThings) ? byThings : told;
};

const isTold = ({ comparison, state }: Told): boolean => comparison !== undefined || state !== undefined;

const decisionBetween = (shown: readonly Seen[], waysOf: (seen: Seen) => readonly string[]): Told => {
  const counts = new Map<string, number>();
  for (const seen of shown) for (const name of waysOf(seen)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const [first, second] = [...counts].sort(([, a], [, b]) => b - a).map(([name]) => name);
  if (first === undefined || second === undefined) return nothing;
  const sided = shown.flatMap((seen): Sided[] => {
    const ways = waysOf(seen);
    const isFirst = ways.includes(first);
    return isFirst === ways.includes(second) ? [] : [{ seen, isFirst }];
  });
  if (!isBoth(sided)) return { ...nothing, decision: rareIn(sided, [first, second]) };
  const comparison = teller(
    sided,
    ({ truths }) => [...truths].map(([name, { holds }]) => [name, String(holds)]),
    asksForMore(shown),
  );
  if (comparison === undefined && !isWordedAlike(sided)) return nothing;
  const state =
    comparison === undefined
      ? teller(sided, ({ cases }) => [...cases].map(([name, { value }]) => [name, value]))
      : undefined;
  const { field } = shown.flatMap(({ cases }) => cases.get(state ?? "") ?? [])[0] ?? {};
  const by = comparison === undefined ? field : `comparing ${comparison.split(" ")[0]}`;
  return { decision: { between: [first, second], by }, comparison, state };
};

/** Questions that say "more than" or "at most": then a number that is equal is not more, and `less` would take it for more. */
const MORE = /\b(?:more|over|above|beyond|exceeds?|greater|higher|larger|longer|later|after|most)\b/iu;
const LESS = /\b(?:less|fewer|under|below|lower|smaller|shorter|earlier|before|least)\b/iu;

const asksForMore = (shown: readonly Seen[]): boolean => {
  const saying = (words: RegExp): number => shown.filter(({ template }) => words.test(template)).length;
  return saying(MORE) > saying(LESS);
};

const isBoth = (sided: readonly Sided[]): boolean => {
  const ofFirst = sided.filter(({ isFirst }) => isFirst).length;
  return sided.length >= FEWEST_SHOWN && Math.min(ofFirst, sided.length - ofFirst) >= FEWEST_EACH * sided.length;
};

/** Tasks that only the rarer of two ways answers, though others of the same words go by the commoner one. */
const rareIn = (sided: readonly Sided[], between: Decision["between"]): Decision | undefined => {
  const words = new Set(sided.flatMap(({ seen, isFirst }) => (isFirst ? [seen.template] : [])));
  const rare = sided.filter(({ seen, isFirst }) => !isFirst && words.has(seen.template)).length;
  return rare < Math.max(FEWEST_RARE, RARE * sided.length) || sided.length < FEWEST_SHOWN
    ? undefined
    : { between, by: undefined, rare: { answered: rare, of: sided.length } };
};

/** What is seen under some name with one value for the one answer, and with others for the other. */
const teller = (
  sided: readonly Sided[],
  valuesOf: (seen: Seen) => readonly (readonly [name: string, value: string])[],
  prefersMore = false,
): string | undefined => {
  const places = new Map<string, Sided[]>();
  const tallies = new Map<string, Map<string, { first: number; all: number }>>();
  for (const side of sided)
    for (const [name, value] of valuesOf(side.seen)) {
      places.set(name, [...(places.get(name) ?? []), side]);
      const values = tallies.get(name) ?? new Map<string, { first: number; all: number }>();
      tallies.set(name, values);
      const tally = values.get(value) ?? { first: 0, all: 0 };
      values.set(value, { first: tally.first + (side.isFirst ? 1 : 0), all: tally.all + 1 });
    }
  const told = [...tallies].flatMap(([name, values]) => {
    const at = places.get(name) ?? [];
    // What the others of the same value say: a value of its own for each task tells nothing.
    const right = [...values.values()].reduce((sum, { first, all }) => {
      const most = Math.max(first, all - first);
      return most - 1 > all - most ? sum + most : sum;
    }, 0);
    // Of two that tell all, the one that was seen more often is less likely to do so by chance.
    const worth = (right + 1) / (at.length + 2);
    // Many values with a few tasks each tell all of these apart, and none that comes.
    const isFew = values.size < at.length / 3;
    return isFew && isBoth(at) && right >= TOLD_APART * at.length ? [{ name, worth }] : [];
  });
  const fitsWords = (name: string): number => (name.endsWith(" more") === prefersMore ? 1 : 0);
  return told.sort((a, b) => b.worth - a.worth || fitsWords(b.name) - fitsWords(a.name))[0]?.name;
};

/** Whether questions of the same words are answered both ways. */
const isWordedAlike = (sided: readonly Sided[]): boolean => {
  const templates = new Map<string, { first: number; all: number }>();
  for (const { seen, isFirst } of sided) {
    const { first, all } = templates.get(seen.template) ?? { first: 0, all: 0 };
    templates.set(seen.template, { first: first + (isFirst ? 1 : 0), all: all + 1 });
  }
  const again = [...templates.values()].filter(({ all }) => all > 1);
  const count = again.reduce((sum, { all }) => sum + all, 0);
  const other = again.reduce((sum, { first, all }) => sum + Math.min(first, all - first), 0);
  return count >= FEWEST_SHOWN && other >= WORDED_ALIKE * count;
};

/** Families that no planner of names can solve whole: their questions are answered in two ways, and nothing that it sees says which. */
export const checkDecisions = ({ decisions }: Pick<Asked, "decisions">): Finding[] =>
  [...decisions].map(
    ([
      family,
      {
        between: [first, second],
        by,
        rare,
      },
    ]): Finding => {
      if (rare !== undefined)
        return {
          check: "families",
          level: "warning",
          message: `${family}: ${rare.answered} of ${rare.of} questions of the same words are answered by ${second}, the others by ${first}: with so few, what tells which is not looked for. Add tasks of the rarer kind, until they are a fifth or more.`,
        };
      const both = `${family}: questions of the same words are answered by ${first} or by ${second}`;
      if (by !== undefined) return { check: "families", level: "ok", message: `${both}, which ${by} tells` };
      return {
        check: "families",
        level: "warning",
        message: `${both}, and nothing that a planner sees tells which. It sees names of fields, a yes or no and states in one short word (open, high), and it can compare a number or date with one that the question names (calculate less, calculate more). Let a tool state the case, or name the number in the question.`,
      };
    },
  );
