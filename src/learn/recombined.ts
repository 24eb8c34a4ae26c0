import type { Random } from "../random.ts";
import type { MemoryEntry, Trajectory } from "../trajectory.ts";
import { callsOf, type Fragment, fragmentsIn, groupsOf, nameOf, type Place, type Placed } from "./fragments.ts";
import { renumbered, withMentions } from "./planners/references.ts";

/** Routes with places where another fragment may stand. */
export interface Recombinations {
  /** By plan: what is asked in one way is drawn as often as what is asked in another. */
  readonly all: readonly (readonly Slot[])[];
  /** Those where what may stand there takes other calls. */
  readonly crossing: readonly (readonly Slot[])[];
  readonly ofRoute: ReadonlyMap<Trajectory, readonly Slot[]>;
}

interface Slot {
  readonly route: Trajectory;
  readonly place: Place;
  /** What may stand there instead, by how it names its thing. */
  readonly fitting: readonly (readonly Fragment[])[];
}

/** What may stand in a place, by name. */
type Able = readonly (readonly [name: string, fragments: readonly Fragment[]])[];

/** What routes can be recombined to, by what other questions show and by nouns. */
export const recombinationsOf = (
  routes: readonly Placed[],
  options: { readonly nouns?: boolean } = {},
): Recombinations => {
  const { nouns = true } = options;
  const fragments = fragmentsIn(routes, options);
  const places = fragments.flatMap(([, own]) => own);
  const byName = groupsOf(places, nameOf);
  // What has a noun of its own or stands after different words may stand after any.
  const names = new Set(
    [...byName].flatMap(([name, own]) => (new Set(own.map(({ before }) => before)).size > 1 ? [name] : [])),
  );
  const isFree = (place: Place): boolean => (nouns && place.isNamed) || names.has(nameOf(place));
  const free = groupsOf(places.filter(isFree), ({ brings }) => brings);
  const after = groupsOf(places, ({ brings, before }) => `${brings} ${before}`);
  const ableAt = (place: Place, isFreePlace: boolean): Able => {
    const here = after.get(`${place.brings} ${place.before}`) ?? [];
    const anywhere = isFreePlace ? (free.get(place.brings) ?? []) : [];
    const able = [...here, ...anywhere].filter((one) => bringsAll(one, place.needed) && !isTwice(place.before, one));
    return [...groupsOf(able, nameOf)];
  };
  // Places of one kind have the same to choose from.
  const known = new Map<string, Able>();
  const fittingOf = (place: Place): readonly (readonly Fragment[])[] => {
    const isFreePlace = isFree(place);
    const kind = JSON.stringify([place.brings, place.before, isFreePlace, place.needed]);
    const able = known.get(kind) ?? ableAt(place, isFreePlace);
    known.set(kind, able);
    const own = nameOf(place);
    return able.flatMap(([name, fragments]) => (name === own ? [] : [fragments]));
  };
  const slots = fragments.flatMap(([route, own]) =>
    own.map((place): Slot => ({ route, place, fitting: fittingOf(place) })),
  );
  const crossing = slots.map((slot) => ({
    ...slot,
    fitting: slot.fitting.filter(([one]) => one !== undefined && callsOf(one) !== callsOf(slot.place)),
  }));
  const ofRoute = new Map<Trajectory, Slot[]>();
  for (const slot of slots) ofRoute.set(slot.route, [...(ofRoute.get(slot.route) ?? []), slot]);
  return { all: byPlan(slots), crossing: byPlan(crossing), ofRoute };
};

/** A fragment with an article of its own behind another one, or behind its own noun. */
const isTwice = (before: string, { text }: Fragment): boolean => {
  const last = before.slice(before.lastIndexOf(" ") + 1).toLowerCase();
  const [article = "", noun = ""] = text.toLowerCase().split(" ");
  const isNamed = article === "the" || article === "a" || article === "an";
  return isNamed && (DETERMINERS.has(last) || last === noun);
};

const DETERMINERS = new Set("the a an my our your his her its their this these".split(" "));

const bringsAll = ({ calls }: Fragment, fields: readonly string[]): boolean => {
  const brought = calls.at(-1)?.observation;
  return brought?.status === "ok" && fields.every((name) => Object.hasOwn(brought.fields, name));
};

const byPlan = (slots: readonly Slot[]): readonly (readonly Slot[])[] => {
  const planOf = ({ route, place }: Slot): string =>
    `${place.brings}: ${route.memory.map(({ step }) => step.raw).join("; ")}`;
  return [
    ...groupsOf(
      slots.filter(({ fitting }) => fitting.length > 0),
      planOf,
    ).values(),
  ];
};

/** How often what is put in takes other calls than what stood there. */
const CROSSING = 0.75;
/** How often another place of the question gets what is named in the same way. */
const ALIKE = 0.5;

/**
 * A route in which another fragment stands in place of one that brings the same kind of thing: "the price of q1" with the
 * hotel of a booking in place of a hotel. So what a question says of a thing and how it names it are learnt each for itself
 * (compare GECA, arXiv 1904.09545). No tool is called: what a call brings is what it brought where the fragment is from.
 * Undefined where nothing can be exchanged.
 */
export const recombined = ({ all, crossing, ofRoute }: Recombinations, draws: Random): Trajectory | undefined => {
  const groups = crossing.length > 0 && draws.next() < CROSSING ? crossing : all;
  if (groups.length === 0) return undefined;
  const slot = draws.pick(draws.pick(groups));
  const named = draws.pick(slot.fitting);
  const own: Taken = { place: slot.place, named };
  const others = draws.next() < ALIKE ? alikeTo(slot, named, ofRoute) : [];
  const taken = others.length === 0 ? [own] : [own, draws.pick(others)];
  // The last one first: what stands before it stays where it is.
  return taken
    .sort((a, b) => b.place.start - a.place.start)
    .reduce<Trajectory | undefined>(
      (made, { place, named }) => made && withFragment(made, place, draws.pick(named)),
      slot.route,
    );
};

/** A place, and what is put there, all named in one way. */
interface Taken {
  readonly place: Place;
  readonly named: readonly Fragment[];
}

/** Other places of a route where what is named so may stand too: "the price of the hotel of q1 and that of q2". */
const alikeTo = (
  { route, place }: Slot,
  named: readonly Fragment[],
  ofRoute: Recombinations["ofRoute"],
): readonly Taken[] => {
  const [one] = named;
  const name = one === undefined ? "" : nameOf(one);
  const isApart = (other: Place): boolean =>
    other.start < place.start
      ? other.end <= place.start && isBefore(other, place)
      : other.start >= place.end && isBefore(place, other);
  return (ofRoute.get(route) ?? []).flatMap((other): readonly Taken[] => {
    if (other.place.brings !== place.brings || !isApart(other.place)) return [];
    const alike = other.fitting.find(([fragment]) => fragment !== undefined && nameOf(fragment) === name);
    return alike === undefined ? [] : [{ place: other.place, named: alike }];
  });
};

/** Whether all calls of a place are made before those of another one. */
const isBefore = (one: Place, other: Place): boolean => (one.entries.at(-1) ?? 0) < (other.entries[0] ?? 0);

/** A route in which a fragment stands in a place, with the calls that it takes. Undefined where a call would be made twice. */
export const withFragment = (
  { analysis, memory, ...route }: Trajectory,
  { start, end, entries }: Place,
  fragment: Fragment,
): Trajectory | undefined => {
  const entities: string[] = [];
  const numberOf = (entity = ""): number =>
    entities.includes(entity) ? entities.indexOf(entity) + 1 : entities.push(entity);
  const own = (entity: number): number => numberOf(analysis.entities[entity - 1]);
  const put = (entity: number): number => numberOf(fragment.entities[entity - 1]);
  const rest = (text: string): string => withMentions(text, (entity) => `q${own(entity)}`);
  // Things are numbered in the order in which the new question mentions them.
  const template = [
    rest(analysis.template.slice(0, start)),
    fragment.text.replace(/\{(\d+)\}/g, (_, entity: string) => `q${put(Number(entity))}`),
    rest(analysis.template.slice(end)),
  ].join("");

  const [first = 0] = entries;
  const last = entries.at(-1);
  const places = memory.map((_, at) => at);
  const [before, after] = [
    places.filter((at) => at < first),
    places.filter((at) => at > first && !entries.includes(at)),
  ];
  const ends = first + fragment.calls.length;
  const placeOf = (entry: number): number => {
    const at = entry - 1;
    if (at === last) return ends;
    return at < first ? entry : ends + after.indexOf(at) + 1;
  };
  const kept = (at: number): readonly MemoryEntry[] => {
    const entry = memory[at];
    return entry === undefined ? [] : [{ ...entry, step: renumbered(entry.step, placeOf, own) }];
  };
  const made = [
    ...before.flatMap(kept),
    ...fragment.calls.map((entry) => ({ ...entry, step: renumbered(entry.step, (one) => first + one, put) })),
    ...after.flatMap(kept),
  ];
  // Where both things are the same one, a call would be made twice.
  if (new Set(made.map(({ step }) => step.raw)).size < made.length) return undefined;
  const turns = (memory[0]?.turnsLeft ?? 0) + made.length - memory.length;
  return {
    ...route,
    analysis: { ...analysis, template, entities },
    memory: made.map((entry, i) => ({ ...entry, index: i + 1, turnsLeft: turns - i })),
  };
};
