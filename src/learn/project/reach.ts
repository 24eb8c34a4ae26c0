import type { Finding } from "../../environment.ts";
import { isRare, OFTEN } from "../explore/reached.ts";
import type { Brought, FamilyReach, Reach } from "../explore/seen.ts";
import { referred } from "../planners/references.ts";

/** How often random valid plans solved tasks of a family, of those that were tried. */
export interface Luck {
  readonly tried: number;
  readonly solved: number;
}

export interface ReachOptions {
  /** Of trained families, and of those that are never trained. */
  readonly trained: ReadonlyMap<string, FamilyReach>;
  readonly heldOut: ReadonlyMap<string, FamilyReach>;
  /** Of trained families. */
  readonly luck: ReadonlyMap<string, Luck>;
  /** Names of the tools that calculate. */
  readonly calculators: ReadonlySet<string>;
}

/** Which families are out of reach, and why, before anything is learnt. */
export const checkReach = ({ trained, heldOut, luck, calculators }: ReachOptions): Finding[] => {
  const known = new Set(
    [...trained.values()].flatMap(({ routes }) => routes.flatMap((plan) => partsOf(plan, calculators))),
  );
  return [
    ...[...luck].flatMap(([family, lucky]) => ofTrained(family, lucky, trained.get(family), calculators)),
    ...[...trained].flatMap(([family, { unanswered }]) =>
      unanswered.map((wording) => ofWording(family, wording, calculators)),
    ),
    ...[...heldOut].flatMap(([family, reach]) => ofHeldOut(family, reach, known, calculators)),
  ];
};

const of = (level: Finding["level"], message: string): Finding => ({ check: "families", level, message });

const ofTrained = (
  family: string,
  { tried, solved }: Luck,
  reach: Reach | undefined,
  calculators: ReadonlySet<string>,
): Finding[] => {
  const tooLong = reach === undefined ? undefined : lengthProblem(family, reach);
  if (tooLong !== undefined) return [tooLong];
  // One branch of a decision may be met by luck though its questions end before they are decided.
  if (solved > 0) {
    const isEarly = reach !== undefined && reach.routes.length === 0 && endingOf(reach) !== undefined;
    return isEarly ? [of("warning", `${family} is solved by luck alone: ${whyNever(reach, calculators)}`)] : [];
  }
  const never = `${family}: 0 of ${tried} tasks were ever solved by random plans`;
  if (reach !== undefined && reach.routes.length > 0 && !isRare(reach)) {
    const found = `longer walks came to what answers ${reach.answered} of ${Math.max(reach.walked, reach.tried)}`;
    return [of("ok", `${never}, but ${found}: it is learnt from the end of these`)];
  }
  return [of("warning", `${never}, so it is out of reach: ${whyNever(reach, calculators)}`)];
};

const ofWording = (family: string, reach: Reach, calculators: ReadonlySet<string>): Finding =>
  of(
    "warning",
    `${family}: what answers its other questions answers none of ${reach.walked} worded like "${reach.vain?.question}": ${whyNever(reach, calculators)}`,
  );

/** Calls of the route that most others of a family are like in length. */
const lengthOf = ({ routes }: Reach): number => {
  const lengths = routes.map(({ length }) => length).sort((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? 0;
};

const lengthProblem = (family: string, reach: Reach): Finding | undefined => {
  const calls = lengthOf(reach);
  if (calls <= reach.turns || isRare(reach)) return undefined;
  return of(
    "warning",
    `${family} is out of reach: what answers it took ${calls} calls, and a question has ${reach.turns} turns. Raise budget.turns to ${calls + 2}, or let a tool do several of these at once: ${exampleOf(reach, calls)}.`,
  );
};

const exampleOf = ({ routes }: Reach, calls: number): string =>
  (routes.find(({ length }) => length === calls) ?? []).join("; ");

/** Texts, those first that come most often. */
const commonest = (texts: readonly string[]): readonly string[] => {
  const counts = new Map<string, number>();
  for (const one of texts) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([one]) => one);
};

/** The tool at which questions end too early; undefined where few do. */
const endingOf = ({ early, walked }: Reach): string | undefined =>
  early.length > 0 && early.length >= OFTEN * walked ? commonest(early)[0] : undefined;

const readAs = ({ vain }: Reach): string => {
  const named = vain?.entities.map((one) => JSON.stringify(one)).join(", ") ?? "";
  return vain === undefined
    ? ""
    : `"${vain.question}" is read as naming ${named === "" ? "nothing: quote names, or give an analyst" : named}.`;
};

const whyNever = (reach: Reach | undefined, calculators: ReadonlySet<string>): string => {
  if (reach === undefined) return "no walk was made over its tasks.";
  const { walked, turns, brought } = reach;
  const ending = endingOf(reach);
  if (ending !== undefined)
    return `its questions would end at ${ending}, which states a value of the kind that they are read as asking for, before what answers them comes by. Let ${ending} state none (no answerField, an object in place of a plain number${calculators.size > 0 ? `: ${[...calculators].join(" and ")} can state each of its fields` : ""}), or let the questions name the unit of their answer.`;
  const nameOf = (one: Brought): string => `${one.field} ${one.asked}`;
  const [most] = commonest(brought.map(nameOf));
  const alike = brought.filter((one) => nameOf(one) === most);
  const [found] = alike;
  if (found === undefined || alike.length < OFTEN * walked)
    return `no walk over ${walked} of them brought what answers them, nor two values to calculate it from. ${readAs(reach)} Look whether the tools reach the expected answers, whether each call can refer to what it needs (names and codes that the question must name, fields that earlier results must bring), and whether ${turns} turns suffice.`;
  const { field, kind, asked, fits } = found;
  if (!fits)
    return `what answers it comes by as ${field}, which is ${kind}, and its questions are read as asking for ${asked}. State the unit that they use, in the singular, or word them differently.`;
  return calculators.size === 0
    ? `what answers it comes by as ${field}, and no tool states it. Add calculate of agentflow/tools, or name the field in the tool's metadata (answerField).`
    : `what answers it comes by as ${field}, and nothing that can be calculated states it. Look whether ${[...calculators].join(" or ")} takes its value, or name it in the tool's metadata (answerField).`;
};

const ofHeldOut = (
  family: string,
  reach: Reach,
  known: ReadonlySet<string>,
  calculators: ReadonlySet<string>,
): Finding[] => {
  const tooLong = lengthProblem(family, reach);
  if (tooLong !== undefined) return [tooLong];
  const named = `${family} (never trained)`;
  if (reach.routes.length === 0 || isRare(reach))
    return [of("warning", `${named} is out of reach: ${whyNever(reach, calculators)}`)];
  // Of several ways to its answers the one counts that has the fewest new parts: others may be coincidences.
  const [fewest = []] = reach.routes
    .map((plan) => [...new Set(partsOf(plan, calculators))].filter((part) => !known.has(part)))
    .sort((a, b) => a.length - b.length);
  return fewest.length === 0
    ? [of("ok", `${named}: each part of its plans is part of a family that is trained`)]
    : [
        of(
          "warning",
          `${named} is out of reach: no family that is trained shows ${fewest.join(", ")}. Add a family with ${fewest.length === 1 ? "it" : "them"}, or hold out another one.`,
        ),
      ];
};

/** What a plan is put together from: lookups with where their arguments come from, operations, and fields that are read. */
export const partsOf = (plan: readonly string[], calculators: ReadonlySet<string>): readonly string[] => {
  const toolOf = (action: string | undefined): string => action?.split(" ")[0] ?? "";
  const sourceOf = (argument: string): string => {
    const [entry] = referred(argument);
    const field = argument.slice(argument.indexOf(".") + 1);
    return entry === undefined
      ? /^q\d*$/u.test(argument)
        ? "the question"
        : argument
      : `${toolOf(plan[entry - 1])}.${field}`;
  };
  return plan.flatMap((action) => {
    const [tool = "", ...rest] = action.split(" ");
    if (!calculators.has(tool)) return [`${tool} by ${rest.map(sourceOf).join(" and ")}`];
    const [operation = "", ...operands] = rest;
    return [
      `${tool} ${operation}`,
      ...operands.filter((one) => one.startsWith("@")).map((one) => `a calculation with ${sourceOf(one)}`),
    ];
  });
};
