import type { MemoryEntry, Trajectory } from "../trajectory.ts";
import { fieldsTaken, mentioned, neededBy, referred, renumbered, withMentions } from "./planners/references.ts";

/** Words of a question that name a thing by way of others that it mentions, and the calls that bring it. */
export interface Fragment {
  /** With `{1}`, `{2}` for what it mentions. */
  readonly text: string;
  readonly entities: readonly string[];
  /** Their actions refer to each other (`@1` is the first of them) and to the entities (`q1` is the first of these). */
  readonly calls: readonly MemoryEntry[];
  /** The tool of the last call, which brings what is named. */
  readonly brings: string;
  /** The two words before it. */
  readonly before: string;
}

/** Where a fragment stands in a route. */
export interface Place extends Fragment {
  /** From where to where in the question. */
  readonly start: number;
  readonly end: number;
  /** The words around it, and the calls that are not its own. */
  readonly frame: string;
  /** Places of its calls in memory. */
  readonly entries: readonly number[];
  /** The fields of its last call that the other calls take. */
  readonly needed: readonly string[];
  /** Whether it begins with a noun that names the tool of its last call, or the field that this takes. */
  readonly isNamed: boolean;
  /** Of a bare mention: whether a noun before it names it, and whether more lookups lead on from what it names. */
  readonly isApposed: boolean;
  readonly leadsOn: boolean;
}

/** A route, and its places. */
export type Placed = readonly [route: Trajectory, places: readonly Place[]];

export const placedIn = (routes: readonly Trajectory[], isCalculator: (tool: string) => boolean): readonly Placed[] =>
  routes.map((route) => [route, placesIn(route, isCalculator)]);

/** How a fragment names its thing, and by which calls. */
export const nameOf = (fragment: Fragment): string => `${fragment.text}: ${callsOf(fragment)}`;

export const callsOf = ({ calls }: Fragment): string => calls.map(({ step }) => step.raw).join("; ");

const MOST_WORDS = 12;
const WORD = /[\p{L}\p{N}_'’-]+|[^\s\p{L}\p{N}]/gu;

/**
 * The fragments of routes, at their places: what stands in some question where in another one, of otherwise the same words
 * and the same calls, something else brings the same kind of thing, and each bare mention that is looked up. By nouns, also
 * what these say it is, such as "the label of q1", wherever it stands.
 */
export const fragmentsIn = (
  placed: readonly Placed[],
  { nouns: byNouns = true }: { readonly nouns?: boolean } = {},
): readonly Placed[] => {
  const alike = groupsOf(
    placed.flatMap(([, places]) => places),
    ({ frame, brings }) => `${frame} ${brings}`,
  );
  const isFragment = (place: Place): boolean =>
    (isBare(place) && !(byNouns ? place.isApposed : place.leadsOn)) ||
    (place.isNamed && byNouns) ||
    (alike.get(`${place.frame} ${place.brings}`) ?? []).some(({ text }) => differs(place.text, text));
  return placed.map(([route, places]) => [route, places.filter(isFragment)]);
};

const isBare = ({ text }: Fragment): boolean => text === "{1}";

export const groupsOf = <Item>(
  items: readonly Item[],
  of: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> => {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = of(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
};

/**
 * Whether two texts begin and end differently, but for what they mention, and the words after it differ from the first on:
 * then neither has words of its surroundings.
 */
export const differs = (a: string, b: string): boolean => {
  const [first, second] = [a.split(" "), b.split(" ")];
  const isApart = (one = "", other = ""): boolean => one !== other || one.startsWith("{");
  const next = (words: readonly string[]): string =>
    words[words.findLastIndex((word) => word.startsWith("{")) + 1] ?? "";
  return (
    a !== b &&
    isApart(first[0], second[0]) &&
    isApart(first.at(-1), second.at(-1)) &&
    (next(first) === "" || next(first) !== next(second))
  );
};

/** All runs of words that mention something and stand for what some of the calls bring. */
const placesIn = ({ analysis, memory }: Trajectory, isCalculator: (tool: string) => boolean): readonly Place[] => {
  const { template, entities } = analysis;
  const words = [...template.matchAll(WORD)].map(({ 0: text, index }) => ({ text, index, end: index + text.length }));
  const dependsOn = memory.map((_, at) => dependencies(memory, at));
  return words.flatMap((first, i) =>
    words.slice(i, i + MOST_WORDS).flatMap((last, n): readonly Place[] => {
      if (!isWord(first.text) || !isWord(last.text)) return [];
      const [head, text, tail] = [
        template.slice(0, first.index),
        template.slice(first.index, last.end),
        template.slice(last.end),
      ];
      const inside = [...new Set(mentioned(text))];
      const [thing] = inside;
      if (thing === undefined || mentioned(head + tail).some((entity) => inside.includes(entity))) return [];
      const isOnlyMention = text === `q${thing}`;
      const [named = []] = nounsIn(
        words.slice(i, i + n + 1).map((word) => word.text),
        words[i - 1]?.text,
      )
        .map((noun) => namedBy(noun, memory, dependsOn, thing, isCalculator))
        .filter((places) => places.length > 0);
      const whole = isOnlyMention
        ? lookupOf(memory, thing, isCalculator)
        : chainOf(memory, dependsOn, new Set(inside), isCalculator);
      const [at = -1] = whole;
      const isApposed = isOnlyMention && nouns(words[i - 1]?.text ?? "", memory[at]);
      const leadsOn =
        isOnlyMention && memory.some(({ step }) => referred(step.subGoal).includes(at + 1) && !isCalculator(step.tool));
      const places = new Map([
        ...(whole.length === 0 ? [] : [[whole.join(), { entries: whole, isNamed: false }] as const]),
        ...(named.length === 0 ? [] : [[named.join(), { entries: named, isNamed: true }] as const]),
      ]);
      return [...places.values()].map(({ entries, isNamed }): Place => {
        const end = entries.at(-1) ?? 0;
        return {
          text: withMentions(text, (entity) => `{${inside.indexOf(entity) + 1}}`),
          entities: inside.map((entity) => entities[entity - 1] ?? ""),
          calls: memory
            .filter((_, at) => entries.includes(at))
            .map((entry) => ({
              ...entry,
              step: renumbered(
                entry.step,
                (one) => entries.indexOf(one - 1) + 1,
                (entity) => inside.indexOf(entity) + 1,
              ),
            })),
          brings: memory[end]?.step.tool ?? "",
          before: anyMention(["^", ...words.slice(0, i).map((word) => word.text)].slice(-2).join(" ")),
          start: first.index,
          end: last.end,
          frame: anyMention(`${head}_${tail} ${othersOf(memory, entries, end)}`),
          entries,
          needed: fieldsOf(memory, end),
          isNamed,
          isApposed,
          leadsOn,
        };
      });
    }),
  );
};

const isWord = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);

const anyMention = (text: string): string => withMentions(text, () => "q");

/** Things of the question that a call depends on. */
const dependencies = (memory: readonly MemoryEntry[], at: number): ReadonlySet<number> => {
  const { subGoal = "" } = memory[at]?.step ?? {};
  return new Set([
    ...mentioned(subGoal),
    ...referred(subGoal).flatMap((entry) => [...dependencies(memory, entry - 1)]),
  ]);
};

/**
 * Places of the lookups that depend on these things alone, in order, where all of them lead to the last one and the other
 * calls refer to none but that. Empty where it is not so. What is calculated is what is asked, and not how a thing is named.
 */
const chainOf = (
  memory: readonly MemoryEntry[],
  dependsOn: readonly ReadonlySet<number>[],
  inside: ReadonlySet<number>,
  isCalculator: (tool: string) => boolean,
): readonly number[] => {
  const places = memory.map((_, at) => at);
  const own = places.filter((at) => {
    const things = [...(dependsOn[at] ?? [])];
    return things.length > 0 && things.every((one) => inside.has(one)) && !isCalculator(memory[at]?.step.tool ?? "");
  });
  const others = places.filter((at) => !own.includes(at)).map((at) => memory[at]?.step.subGoal ?? "");
  const taken = new Set(others.flatMap(referred).filter((entry) => own.includes(entry - 1)));
  const isMentioned = others.flatMap(mentioned).some((entity) => inside.has(entity));
  const [end] = taken;
  if (end === undefined || taken.size > 1 || isMentioned) return [];
  const used = [...neededBy(memory[end - 1]?.step.subGoal ?? "", memory), end];
  return own.every((at) => used.includes(at + 1)) ? own : [];
};

/** Words after which something is said, and nothing named. */
const SAYING =
  /^(?:that|which|who|whom|whose|whoever|where|when|is|was|are|were|has|have|had|does|do|did|can|and|or)$/iu;

/** What may lead from a noun to the thing of which it is said. */
const PREPOSITION = /^(?:of|for|in|at|on|to|from|with|by|behind|under|over|near)$/iu;

/**
 * The nouns of words such as "the spare part for the valve q1", with their article: `part`, and then `spare`. They end with the
 * one thing that they mention, and say nothing of it. `before` is the word before them.
 */
export const nounsIn = (words: readonly string[], before = ""): readonly string[] => {
  if (/^the$/iu.test(before)) return [];
  const hasArticle = /^the$/iu.test(words[0] ?? "");
  const own = hasArticle ? words.slice(1) : words;
  const between = own.slice(0, -1);
  const isPhrase =
    between.length > 0 && between.every((word) => isWord(word) && !SAYING.test(word) && !/^q\d/u.test(word));
  if (!isPhrase || !/^q\d+$/u.test(own.at(-1) ?? "")) return [];
  const end = between.findIndex((word) => PREPOSITION.test(word));
  const [noun = "", head = "", ...more] = end < 0 ? between : between.slice(0, end);
  // Without an article nothing says that both belong together.
  return hasArticle && head !== "" && more.length === 0 ? [head, noun] : [noun];
};

/** What words of one stem have in common: `found` of founding and founded. */
const stemOf = (word: string): string => {
  const lower = word.toLowerCase();
  const stem = lower.replace(/(?:ings?|ers?|ors?|ed|es|s|e)$/u, "");
  return stem.length < 3 ? lower : stem;
};

/** Whether a noun names a field or tool, in some form: it is one of the words of its name. */
export const isNoun = (noun: string, name: string): boolean =>
  noun !== "" &&
  name.split(/[^\p{L}\p{N}]+|(?<=\p{Ll})(?=\p{Lu})/u).some((word) => word !== "" && stemOf(word) === stemOf(noun));

/** Whether a noun names what a call brings, by its tool or by the field that it takes. */
const nouns = (noun: string, call: MemoryEntry | undefined): boolean =>
  call !== undefined && [call.step.tool, ...fieldsTaken(call.step.subGoal)].some((name) => isNoun(noun, name));

/** Places of the lookups from a thing to what a noun names. Empty where there is none, or other calls take what is on the way. */
const namedBy = (
  noun: string,
  memory: readonly MemoryEntry[],
  dependsOn: readonly ReadonlySet<number>[],
  thing: number,
  isCalculator: (tool: string) => boolean,
): readonly number[] => {
  const isOwn = (at: number): boolean => [...(dependsOn[at] ?? [])].join() === String(thing);
  const end = memory.findIndex((call, at) => isOwn(at) && !isCalculator(call.step.tool) && nouns(noun, call));
  const places = end < 0 ? [] : [...neededBy(memory[end]?.step.subGoal ?? "", memory).map((entry) => entry - 1), end];
  const others = memory.filter((_, at) => !places.includes(at)).map(({ step }) => step.subGoal);
  const isCut = others.every(
    (action) =>
      !mentioned(action).includes(thing) &&
      referred(action).every((entry) => entry - 1 === end || !places.includes(entry - 1)),
  );
  return isCut && others.some((action) => referred(action).includes(end + 1)) ? places : [];
};

/**
 * The place of the one lookup that takes a thing as it is: that brings what its bare mention names, and the calls that lead
 * on from there bring what else is said of it. Empty where there is none, or others take it as well.
 */
const lookupOf = (
  memory: readonly MemoryEntry[],
  thing: number,
  isCalculator: (tool: string) => boolean,
): readonly number[] => {
  const places = memory.flatMap(({ step }, at) => (mentioned(step.subGoal).includes(thing) ? [at] : []));
  const [at = 0] = places;
  const { tool = "", subGoal = "" } = memory[at]?.step ?? {};
  const isAlone = places.length === 1 && mentioned(subGoal).length === 1 && referred(subGoal).length === 0;
  const isTaken = memory.some(({ step }) => referred(step.subGoal).includes(at + 1));
  return isAlone && isTaken && !isCalculator(tool) ? [at] : [];
};

/** The other calls, whatever numbers they refer by. */
const othersOf = (memory: readonly MemoryEntry[], entries: readonly number[], end: number): string =>
  memory
    .filter((_, at) => !entries.includes(at))
    .map(({ step }) => step.raw.replace(/@(\d+)/g, (_, entry: string) => (Number(entry) - 1 === end ? "@this" : "@")))
    .join("; ");

/** Fields of an entry that calls refer to. */
const fieldsOf = (memory: readonly MemoryEntry[], at: number): readonly string[] => {
  const references = memory.flatMap(({ step }) => [...step.subGoal.matchAll(/@(\d+)\.(\S+)/g)]);
  return [...new Set(references.flatMap(([, entry, field = ""]) => (Number(entry) - 1 === at ? [field] : [])))];
};
