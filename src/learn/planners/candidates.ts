import { answerFieldOf } from "../../flow/observation.ts";
import { resolve } from "../../flow/references.ts";
import type { FlowState } from "../../module.ts";
import type { Field } from "../../tool.ts";
import { failedForNow } from "../../trajectory.ts";

/** A field that memory holds and how a sub-goal refers to it: `@2.country`. */
export interface Known {
  readonly reference: string;
  readonly entry: number;
  readonly name: string;
  readonly field: Field;
  /** It is what its result answers a question by. */
  readonly answers: boolean;
}

const isPosition = ({ kind, value }: Field): boolean => kind === "text" && /^-?[\d.]+, -?[\d.]+$/.test(String(value));

/** All fields of the observations so far, oldest first. */
export const knownFields = ({ memory }: FlowState): readonly Known[] =>
  memory.flatMap(({ index, observation }) =>
    observation.status !== "ok"
      ? []
      : Object.entries(observation.fields).map(([name, field]) => ({
          reference: `@${index}.${name}`,
          entry: index,
          name,
          field,
          answers: name === answerFieldOf(observation),
        })),
  );

/** Texts that a call was made with, by tool; refused calls count, too: they would be refused again. What failed for now does not. */
const madeWith = ({ memory }: FlowState, tool: string): ReadonlySet<string> =>
  new Set(
    memory.flatMap(({ call, observation }) => {
      const isMade = call?.tool === tool && !failedForNow(observation);
      const [only] = isMade ? Object.values(call.input as Readonly<Record<string, unknown>>) : [];
      return typeof only === "string" ? [only] : [];
    }),
  );

const unmade = (
  state: FlowState,
  tool: string,
  choices: readonly { reference: string; value: string }[],
): readonly string[] => {
  const made = madeWith(state, tool);
  const seen = new Set<string>();
  return choices.flatMap(({ reference, value }) => {
    if (made.has(value) || seen.has(value)) return [];
    seen.add(value);
    return [reference];
  });
};

/** References whose values a search was not yet made for: the question's entities, then texts of pages. */
export const searchable = (state: FlowState, tool: string, fields: readonly Known[]): readonly string[] =>
  unmade(state, tool, [
    ...state.analysis.entities.map((value, i) => ({ reference: `q${i + 1}`, value })),
    ...fields
      .filter(({ answers, field }) => field.kind === "text" && !answers && !isPosition(field))
      .map(({ reference, field }) => ({ reference, value: String(field.value) })),
  ]);

/** Addresses in memory that were not yet read. */
export const readable = (state: FlowState, tool: string, fields: readonly Known[]): readonly string[] =>
  unmade(
    state,
    tool,
    fields
      .filter(({ field }) => field.kind === "address")
      .map(({ reference, field }) => ({ reference, value: String(field.value) })),
  );

/** How many operands an operation takes, which fields fit it, and whether it compares, so that the answer is a yes or no. */
export interface Operation {
  readonly operands: 1 | 2;
  readonly compares?: boolean;
  fits(field: Field): boolean;
}

/** What is computed with fields. */
export const operations: Readonly<Record<string, Operation>> = {
  value: { operands: 1, fits: ({ kind }) => kind === "number" || kind === "date" },
  weekday: { operands: 1, fits: ({ kind }) => kind === "date" },
  difference: { operands: 2, fits: ({ kind }) => kind === "number" },
  sum: { operands: 2, fits: ({ kind }) => kind === "number" },
  days: { operands: 2, fits: ({ kind }) => kind === "date" },
  distance: { operands: 2, fits: isPosition },
};

const isOrdered = ({ kind }: Field): boolean => kind === "number" || kind === "date";

/** What a decision goes by: two fields, or a field and what the question names. */
export const comparisons: Readonly<Record<string, Operation>> = {
  less: { operands: 2, compares: true, fits: isOrdered },
  more: { operands: 2, compares: true, fits: isOrdered },
};

/** Longest text that is stated as an answer. */
const STATED_LENGTH = 200;

/** Of tools of one's own: `value` of a text that one of them brought. */
export const VALUE_OF_TEXT = "value text";

const all: Readonly<Record<string, Operation>> = {
  ...operations,
  ...comparisons,
  [VALUE_OF_TEXT]: {
    operands: 1,
    fits: ({ kind, value, unit }) => kind === "text" && unit === undefined && String(value).length <= STATED_LENGTH,
  },
};

/** The word for an operation in an action. */
export const wordOf = (operation: string): string => (operation === VALUE_OF_TEXT ? "value" : operation);

/** Numbers and dates that a question names: a field may be compared with them. */
const namedIn = (state: FlowState): readonly Pick<Known, "reference" | "field">[] =>
  state.analysis.entities.flatMap((_, i) => {
    const reference = `q${i + 1}`;
    const field = resolve(reference, state);
    return field !== undefined && isOrdered(field) ? [{ reference, field }] : [];
  });

const isAlike = (a: Field, b: Field): boolean => b.unit === a.unit && b.kind === a.kind;

/** Sub-goals of an operation over memory's fields that were not yet tried: ordered pairs of one unit, or single fields. */
export const calculations = (state: FlowState, operation: string, fields: readonly Known[]): readonly string[] => {
  const { operands, compares = false, fits } = all[operation] ?? { operands: 1, fits: () => false };
  const fitting = fields.filter(({ answers, field }) => !answers && fits(field));
  const named = compares ? namedIn(state) : [];
  const tried = new Set(state.memory.map(({ step }) => step.subGoal));
  const word = wordOf(operation);
  const texts =
    operands === 1
      ? fitting.map(({ reference }) => `${word} ${reference}`)
      : fitting.flatMap((a) =>
          [
            ...fitting.filter((b) => b.reference !== a.reference && isAlike(a.field, b.field)),
            ...named.filter((b) => b.field.kind === a.field.kind),
          ].map((b) => `${word} ${a.reference} ${b.reference}`),
        );
  return texts.filter((text) => !tried.has(text));
};
