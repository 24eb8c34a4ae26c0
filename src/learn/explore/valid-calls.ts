import { type Argument, argumentsOf, isWholeText } from "../../flow/arguments.ts";
import type { FlowState } from "../../module.ts";
import type { Toolset } from "../../tool.ts";
import { failedForNow } from "../../trajectory.ts";
import type { Known } from "../planners/candidates.ts";

/** A call that a tool's schema allows, as a sub-goal, and what its arguments come from: `product.sku product.warehouse`. */
export interface ValidCall {
  readonly subGoal: string;
  readonly sources: string;
  readonly values: readonly string[];
}

/** What came of calls by where their arguments came from. */
export type Fits = Map<string, { tries: number; ok: number }>;

/** Longest list of calls of one tool in one state. */
const MOST_CALLS = 2000;
/** Optional arguments that are filled, the first ones of the schema. */
const MOST_OPTIONAL = 2;
/** A source whose calls fail more often than this is not a valid one. */
const LEAST_SHARE = 0.02;

interface Candidate {
  readonly reference: string;
  readonly source: string;
  readonly value: string;
}

const isNumber = (text: string): boolean => /^-?[\d,]+(?:\.\d+)?$/u.test(text);

/** `q number`, `q code` or `q name`: entities of one form are looked up alike. */
const formOf = (entity: string): string =>
  isNumber(entity) ? "q number" : /\d/u.test(entity) && !/\s/u.test(entity) ? "q code" : "q name";

/** All that may stand for one argument: listed values, entities of the question, fields of memory. */
const candidatesOf = (
  { type, choices }: { readonly type: string | undefined; readonly choices?: readonly string[] },
  state: FlowState,
  fields: readonly Known[],
): Candidate[] => {
  if (choices !== undefined)
    return [
      // First what refers to one of them: it holds for other questions too.
      ...candidatesOf({ type: undefined }, state, fields).filter(({ value }) => choices.includes(value)),
      ...choices.map((value) => ({ reference: value, source: "choice", value })),
    ];
  if (type === "boolean") return ["true", "false"].map((value) => ({ reference: value, source: "choice", value }));
  const numeric = type === "number" || type === "integer";
  return [
    ...state.analysis.entities
      .map((value, i): Candidate => ({ reference: `q${i + 1}`, source: formOf(value), value }))
      .filter(({ source }) => !numeric || source === "q number"),
    ...fields
      // A number with a unit is a quantity: nothing is called by it.
      .filter(({ field }) => (numeric ? field.kind === "number" : field.unit === undefined))
      .map(
        ({ reference, entry, name, field }): Candidate => ({
          reference,
          source: `${state.memory[entry - 1]?.step.tool}.${name}`,
          value: String(field.value),
        }),
      ),
  ];
};

type Tuple = readonly Candidate[];

/** Between the sources of a call's arguments. */
export const JOINED = " + ";
const sourcesOf = (tuple: Tuple): string => tuple.map(({ source }) => source).join(JOINED);

/** One thing is not two arguments of a call; a listed value may be. */
const isNewIn =
  (tuple: readonly Candidate[]) =>
  ({ reference, source }: Candidate): boolean =>
    source === "choice" || !tuple.some((earlier) => earlier.reference === reference);

/** Texts of the calls that were made, refused ones too: they would be refused again. What failed for now does not count. */
const madeWith = ({ memory }: FlowState, tool: string): ReadonlySet<string> =>
  new Set(
    memory.flatMap(({ call, observation }) =>
      call?.tool === tool && !failedForNow(observation)
        ? [Object.values(call.input as Readonly<Record<string, unknown>>).join("\n")]
        : [],
    ),
  );

/** Where the first arguments of calls that have worked came from, by tool: all that a call may begin with. */
export type Beginnings = ReadonlyMap<string, ReadonlySet<string>>;

/** What calls that have worked begin with. */
export const beginningsOf = (fits: Fits): Beginnings => {
  const beginnings = new Map<string, Set<string>>();
  for (const name of fits.keys()) {
    const [, tool = "", sources = ""] = /^([^:]*): (.*)$/su.exec(name) ?? [];
    if (!isValid(fits, tool, { sources })) continue;
    const known = beginnings.get(tool) ?? new Set<string>();
    beginnings.set(tool, known);
    const parts = sources.split(JOINED);
    for (const [i] of parts.entries()) known.add(parts.slice(0, i + 1).join(JOINED));
  }
  return beginnings;
};

/** Calls of a tool that were not made yet, by its schema alone; with `beginnings` only those like calls that have worked. */
export const allowedCalls = (
  tools: Toolset,
  tool: string,
  state: FlowState,
  fields: readonly Known[],
  beginnings?: Beginnings,
): readonly ValidCall[] => {
  const definition = tools[tool];
  if (definition === undefined) return [];
  const made = madeWith(state, tool);
  const { required, optional } = argumentsOf(definition);
  const extended = (tuples: readonly Tuple[], argument: Argument): readonly Tuple[] => {
    const candidates = candidatesOf(argument, state, fields);
    const isBeginning = (tuple: Tuple): boolean =>
      beginnings?.get(tool)?.has(sourcesOf(tuple)) ?? beginnings === undefined;
    return tuples
      .flatMap((tuple) => candidates.filter(isNewIn(tuple)).map((candidate) => [...tuple, candidate]))
      .filter(isBeginning)
      .slice(0, MOST_CALLS);
  };
  let tuples: readonly Tuple[] = required.reduce(extended, [[]]);
  const all = [...tuples];
  // A text that is the whole sub-goal leaves no room for more.
  if (!isWholeText(required))
    for (const argument of optional.slice(0, MOST_OPTIONAL)) {
      tuples = extended(tuples, argument);
      all.push(...tuples);
    }
  const seen = new Set<string>(made);
  return all.slice(0, MOST_CALLS).flatMap((tuple) => {
    const key = tuple.map(({ value }) => value).join("\n");
    if (seen.has(key)) return [];
    seen.add(key);
    if (tuple.length === 0) return [{ subGoal: "q", sources: "none", values: [] }];
    return [
      {
        subGoal: tuple.map(({ reference }) => reference).join(" "),
        sources: sourcesOf(tuple),
        values: tuple.map(({ value }) => value),
      },
    ];
  });
};

/** Whether calls of a tool with arguments from there have worked. */
export const isValid = (fits: Fits, tool: string, { sources }: Pick<ValidCall, "sources">): boolean => {
  const { tries, ok } = fits.get(`${tool}: ${sources}`) ?? { tries: 0, ok: 0 };
  return ok > 0 && ok / tries >= LEAST_SHARE;
};
