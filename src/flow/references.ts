import type { FlowState } from "../module.ts";
import { numberOf } from "../number-text.ts";
import type { Field } from "../tool.ts";
import type { MemoryEntry } from "../trajectory.ts";
import { dateOf } from "./dates.ts";
import { answerFieldOf } from "./observation.ts";

/** Longest text that a reference to a whole entry stands for. */
const TEXT_LENGTH = 2000;

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
