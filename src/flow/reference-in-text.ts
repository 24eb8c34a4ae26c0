import type { FlowState } from "../module.ts";
import type { Field } from "../tool.ts";
import { resolve } from "./references.ts";

/**
 * What a reference in a text stands for, and what is left of it: in the middle of a text `q1.pdf`, where nothing that goes
 * back to `q1` has such a field, is the entity and `.pdf`.
 */
export const resolveIn = (
  text: string,
  reference: string,
  state: Pick<FlowState, "query" | "analysis" | "memory">,
): { readonly name: string; readonly field: Field | undefined; readonly rest: string } => {
  const field = resolve(reference, state);
  const name = /^q\d+(?=\.)/u.exec(reference)?.[0];
  return field !== undefined || name === undefined || text === reference
    ? { name: reference, field, rest: "" }
    : { name, field: resolve(name, state), rest: reference.slice(name.length) };
};
