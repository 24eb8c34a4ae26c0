import { EngineError } from "../../../errors.ts";
import { type LinearPattern, linearPattern } from "./linear-pattern.ts";

/** What is looked at of a tokenizer.json. */
interface Sizes {
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly [key: string]: unknown };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
}

const MOST_TOKENS = 2_000_000;
const MOST_ADDED = 50_000;
const LONGEST_ADDED = 1000;
const MOST_STEPS = 64;
const DEEPEST = 8;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const refuse = (what: string): EngineError => new EngineError(`tokenizer.json cannot be used: ${what}.`);

/** Throws `EngineError` for a tokenizer whose parts are of no size that a model's has; nothing is made of it before. */
export const requireTokenizer = ({ model, added_tokens }: Sizes): void => {
  if (model.type !== undefined && model.type !== "BPE")
    throw refuse(`its model is ${JSON.stringify(model.type).slice(0, 60)}; accepted is BPE`);
  const tokens = Object.keys(model.vocab).length;
  if (tokens > MOST_TOKENS) throw refuse(`it has ${tokens} tokens, more than ${MOST_TOKENS}`);
  if (Array.isArray(model.merges) && model.merges.length > 2 * MOST_TOKENS)
    throw refuse(`it has ${model.merges.length} merges, more than ${2 * MOST_TOKENS}`);
  if (added_tokens.length > MOST_ADDED)
    throw refuse(`it has ${added_tokens.length} added tokens, more than ${MOST_ADDED}`);
  // A text is held against them letter by letter.
  const long = added_tokens.find(({ content }) => typeof content !== "string" || content.length > LONGEST_ADDED);
  if (long !== undefined) throw refuse(`the added token ${long.id} has more than ${LONGEST_ADDED} characters`);
};

/** The regular expressions in the steps of a tokenizer. Throws `EngineError` for too many steps, or steps in steps without end. */
export const patternsIn = (parts: readonly unknown[]): ReadonlySet<string> => {
  const found = new Set<string>();
  let steps = 0;
  const walk = (part: unknown, depth: number): void => {
    if (typeof part !== "object" || part === null) return;
    if (depth > DEEPEST) throw refuse(`its steps nest more than ${DEEPEST} deep`);
    if (isRecord(part) && typeof part.type === "string") steps += 1;
    if (steps > MOST_STEPS) throw refuse(`it has more than ${MOST_STEPS} steps`);
    if (isRecord(part) && isRecord(part.pattern) && typeof part.pattern.Regex === "string")
      found.add(part.pattern.Regex);
    for (const inner of Object.values(part)) if (typeof inner === "object") walk(inner, depth + 1);
  };
  for (const part of parts) walk(part, 0);
  return found;
};

/** Whether a pattern is short and repeats nothing but at its end, so that any engine runs it in linear time. */
export const isPlain = (pattern: string): boolean =>
  pattern.length <= 200 && !/[*+}?].|[()]/su.test(pattern.replace(/\\[pP]\{\w{1,30}\}|\\./gsu, "x"));

/**
 * Puts linear patterns in the place of a library's own, in all steps that it made. `known` are patterns that JavaScript's
 * engine runs in linear time, as was shown for each.
 */
export const makeLinear = async (made: readonly unknown[], known: ReadonlySet<string>): Promise<void> => {
  const seen = new Set<unknown>();
  const compiled = new Map<string, LinearPattern>();
  const open = [...made];
  for (let step = open.pop(); open.length > 0 || step !== undefined; step = open.pop()) {
    if ((typeof step !== "object" && typeof step !== "function") || step === null || seen.has(step)) continue;
    seen.add(step);
    const holder = step as { pattern?: unknown; readonly config?: { readonly pattern?: { readonly Regex?: unknown } } };
    const source = holder.config?.pattern?.Regex;
    if (typeof source === "string" && holder.pattern instanceof RegExp && !known.has(source)) {
      const linear = compiled.get(source) ?? (await linearPattern(source));
      compiled.set(source, linear);
      holder.pattern = linear;
    }
    for (const [name, inner] of Object.entries(step)) if (name !== "config") open.push(inner);
  }
};
