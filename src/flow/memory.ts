import type { FlowState } from "../module.ts";
import { numberOf } from "../number-text.ts";
import type { Field } from "../tool.ts";
import type { MemoryEntry } from "../trajectory.ts";
import { dateOf } from "./dates.ts";
import { ANSWER_FIELD, answerFieldOf } from "./observation.ts";

/** Most fields of an entry that a rendering names, and the longest name or label in it. */
const FIELD_LIMIT = 24;
const NAME_LENGTH = 24;
/** Longest text that a reference to a whole entry stands for. */
const TEXT_LENGTH = 2000;

/** A yes or no, whatever says it; and a state such as `open` or `high`: one word in small letters, too short for a name. */
const TRUTHS = /^(?:yes|no|true|false)$/iu;
const STATE = /^\p{Ll}{2,12}$/u;

/**
 * The value of a field that says which of a few cases holds, as a planner reads it: a yes or no, or a state in one short word.
 * Undefined for all others: numbers, dates, addresses, names, texts, and what answers a question. A function of the field alone.
 */
export const caseOf = (name: string, { kind, value }: Field): string | undefined => {
  if (kind !== "text") return undefined;
  const text = String(value);
  if (TRUTHS.test(text)) return text.toLowerCase();
  return name !== ANSWER_FIELD && STATE.test(text) ? text : undefined;
};

const clip = (text: string, length: number): string =>
  (text.length > length ? text.slice(0, length) : text).replace(/\s+/gu, "-");

/** What a compact prompt says of each turn beside what came of it. */
export interface EntryForm {
  /** @default false */
  readonly verdicts?: boolean | undefined;
  /** @default true */
  readonly turnsLeft?: boolean | undefined;
  /** Whether a field is of the unit or kind that the question asks for: then it is marked with `*`. @default none is */
  readonly isAsked?: ((field: Field) => boolean) | undefined;
}

/**
 * The compact form of an entry that a planner reads: its number, the names of its fields (with their labels), and the
 * turns left after it, last, unless `turnsLeft` is false. Values are left out, as the planner refers to them by name, but
 * for a yes or no and for states in one short word, by which it decides. With `verdicts` the verdict stands before the
 * turns left, as its cause where it has one. One line, bounded.
 *
 * @example
 * ```ts
 * import { createFlow, renderEntry } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {}, onStepEnd: (entry) => console.log(renderEntry(entry)) });
 * ```
 */
export const renderEntry = (
  { index, observation, verdict, turnsLeft }: MemoryEntry,
  { verdicts = false, turnsLeft: isShown = true, isAsked }: EntryForm = {},
): string => {
  let text = `@${index}`;
  if (observation.status === "ok") {
    let shown = 0;
    for (const name of Object.keys(observation.fields)) {
      if (shown === FIELD_LIMIT) break;
      const field = observation.fields[name];
      const shownCase = field === undefined ? undefined : caseOf(name, field);
      text += ` ${clip(name, NAME_LENGTH)}`;
      if (field !== undefined && isAsked?.(field) === true) text += "*";
      if (field?.label !== undefined) text += ` ${clip(field.label, NAME_LENGTH)}`;
      if (shownCase !== undefined) text += ` ${shownCase}`;
      shown += 1;
    }
    if (shown === 0) text += " ok";
  } else text += ` ${observation.status} ${observation.reason}`;
  if (verdicts) text += `: ${verdict.cause ?? verdict.decision}`;
  return isShown ? `${text} [${turnsLeft}]\n` : `${text}\n`;
};

/** A reference in a text: `q`, `q1`, `q1.country`, `@2`, `@2.country`. */
export const REFERENCE =
  /(?<![\p{L}\p{N}_@.-])(?:q\d+\.[\p{L}\p{N}_-]+|q\d*|@\d+(?:\.[\p{L}\p{N}_-]+)?)(?![\p{L}\p{N}_@])/gu;

const REFERENCE_PARTS = /^(?:q(?<entity>\d*)|@(?<entry>\d+))(?:\.(?<field>[\p{L}\p{N}_-]+))?$/u;
/** What an action goes back to: things of the question, and entries. */
const ORIGIN = /(?<![\p{L}\p{N}_@.-])([q@])(\d+)/gu;

/**
 * What a reference stands for: `q1` an entity of the question, `q` the whole question, `@2.country` a field of an
 * entry, `@2` the field that answers (`value`), or its only field, or its text. `q1.country` is the newest field of that
 * name among what goes back to the entity: it is the same however long the way to it was. Undefined when there is no such
 * thing.
 *
 * @example
 * ```ts
 * import { resolve, type Planner } from "agentflow";
 *
 * const planner: Planner = (state) => {
 *   const known = resolve("@1.country", state);
 *   return { step: { tool: "search", subGoal: known === undefined ? "q1" : "@1.country", raw: "" } };
 * };
 * ```
 */
export const resolve = (
  reference: string,
  { query, analysis, memory }: Pick<FlowState, "query" | "analysis" | "memory">,
): Field | undefined => {
  const parts = REFERENCE_PARTS.exec(reference)?.groups;
  if (parts === undefined) return undefined;
  const { entity, entry, field } = parts;
  if (entity !== undefined && field === undefined)
    return entity === "" ? { kind: "text", value: query.question } : entityField(analysis.entities[Number(entity) - 1]);
  const at = entity === undefined ? Number(entry) : newestOf(memory, Number(entity), field ?? "");
  const observation = memory[at - 1]?.observation;
  if (observation?.status !== "ok") return undefined;
  if (field !== undefined) return own(observation.fields, field);
  const names = Object.keys(observation.fields);
  const single =
    own(observation.fields, answerFieldOf(observation)) ??
    (names.length === 1 ? own(observation.fields, names[0] ?? "") : undefined);
  if (single !== undefined) return single;
  return observation.text === "" ? undefined : { kind: "text", value: observation.text.slice(0, TEXT_LENGTH) };
};

const own = (fields: Readonly<Record<string, Field>>, name: string): Field | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

const entityField = (entity: string | undefined): Field | undefined => {
  if (entity === undefined) return undefined;
  const value = numberOf(entity);
  if (value !== undefined) return { kind: "number", value };
  const date = dateOf(entity);
  return date === undefined ? { kind: "text", value: entity } : { kind: "date", value: date };
};

type Action = Pick<MemoryEntry, "step">;

/** The entities of the question that each entry goes back to, directly or by what it refers to. */
const originsOf = (memory: readonly Action[]): readonly ReadonlySet<number>[] => {
  const origins: Set<number>[] = [];
  for (const { step } of memory)
    origins.push(
      new Set(
        [...step.subGoal.matchAll(ORIGIN)].flatMap(([, kind, number]) =>
          kind === "q" ? Number(number) : [...(origins[Number(number) - 1] ?? [])],
        ),
      ),
    );
  return origins;
};

/** The newest entry, from 1, that goes back to an entity and has a field; 0 where there is none. */
const newestOf = (
  memory: readonly (Action & Pick<MemoryEntry, "observation">)[],
  thing: number,
  field: string,
  origins = originsOf(memory),
): number =>
  memory.findLastIndex(
    ({ observation }, i) =>
      observation.status === "ok" && Object.hasOwn(observation.fields, field) && origins[i]?.has(thing),
  ) + 1;

/**
 * An action whose references to fields go by the entity that they go back to (`@4.country` becomes `q1.country`), where
 * that means the same after these entries.
 */
export const byThings = (action: string, memory: readonly (Action & Pick<MemoryEntry, "observation">)[]): string => {
  const origins = originsOf(memory);
  return action.replace(REFERENCE, (reference) => {
    const { entry, field } = REFERENCE_PARTS.exec(reference)?.groups ?? {};
    if (entry === undefined || field === undefined) return reference;
    const things = [...(origins[Number(entry) - 1] ?? [])].sort((a, b) => a - b);
    const thing = things.find((one) => newestOf(memory, one, field, origins) === Number(entry));
    return thing === undefined ? reference : `q${thing}.${field}`;
  });
};
