import type { FlowState, Refusal } from "../../module.ts";
import { exactJson } from "../../number-text.ts";
import { type AnyTool, computes } from "../../tool.ts";
import type { Step, ToolCall } from "../../trajectory.ts";
import { type Argument, type Arguments, argumentsOf, argumentValue, isWholeText } from "../arguments.ts";
import { fieldText } from "../field-text.ts";
import { refused } from "../observation.ts";
import { resolveIn } from "../reference-in-text.ts";
import { REFERENCE, resolve } from "../references.ts";
import { fieldTerm } from "./field-term.ts";

/** Writes calls as `ruleExecutor` says. It remembers the arguments of the tools that it has seen. */
export const callWriter = (): ((step: Step, state: FlowState) => ToolCall | Refusal) => {
  const argumentsBy = memoiseArguments();
  return (step, state) => {
    const tool = Object.hasOwn(state.tools, step.tool) ? state.tools[step.tool] : undefined;
    // The verifier's first gate refuses it, with the list of tools.
    if (tool === undefined) return { tool: step.tool, input: {} };
    const whole = jsonObject(step.subGoal);
    if (whole !== undefined) return { tool: step.tool, input: whole };
    const { required, optional } = argumentsBy(tool);
    const [only] = required;
    return only !== undefined && isWholeText(required)
      ? writeText(step.tool, only.name, step.subGoal, state)
      : writeInOrder(step.tool, required, optional, step.subGoal, state);
  };
};

const memoiseArguments = (): ((tool: AnyTool) => Arguments) => {
  const known = new WeakMap<AnyTool, Arguments>();
  return (tool) => {
    const found = known.get(tool) ?? argumentsOf(tool);
    known.set(tool, found);
    return found;
  };
};

const jsonObject = (text: string): object | undefined => {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(exactJson(text));
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    // Not JSON after all: a sub-goal in words that begins with a brace.
    return undefined;
  }
};

/** One word for each argument, in order, required ones first: a reference, or the value itself. */
const writeInOrder = (
  tool: string,
  required: readonly Argument[],
  optional: readonly Argument[],
  subGoal: string,
  state: FlowState,
): ToolCall | Refusal => {
  const terms = subGoal.split(/\s+/u);
  const filled = [...required, ...optional].slice(0, Math.max(required.length, terms.length));
  // Words are no optional arguments: without a required one, they say what the call is for.
  const fits =
    terms.length === filled.length &&
    filled.every((argument, i) => i < required.length || isMeantFor(argument, terms[i] ?? ""));
  if (required.length === 0 && (subGoal === "q" || !fits)) return { tool, input: {} };
  if (!fits) return refused("bad-arguments", inOrder(tool, required, optional));
  const input: Record<string, unknown> = {};
  for (const [i, { name, type }] of filled.entries()) {
    const term = terms[i] ?? "";
    if (term.replace(REFERENCE, "") !== "") {
      input[name] = argumentValue({ kind: "text", value: term }, type);
      continue;
    }
    const field = resolve(term, state);
    if (field === undefined) return refused("bad-reference", badReference(term, state));
    input[name] = isEntity(term) ? argumentValue(field, type, entityText(term, state)) : argumentValue(field, type);
  }
  return { tool, input };
};

/** Whether a word is meant as an optional argument: a reference, a listed value, a number or a truth value of its type. */
const isMeantFor = ({ type, choices }: Argument, term: string): boolean =>
  term.replace(REFERENCE, "") === "" ||
  (choices?.includes(term) ?? typeof argumentValue({ kind: "text", value: term }, type) !== "string");

/** A value that an argument may have. */
const exampleOf = ({ name, type, choices }: Argument): [string, unknown] => [
  name,
  choices?.[0] ?? (type === "number" || type === "integer" ? 1 : type === "boolean" ? true : "value"),
];

const inOrder = (tool: string, required: readonly Argument[], optional: readonly Argument[]): string => {
  const names = required.map(({ name }) => name);
  const example = JSON.stringify(Object.fromEntries(required.map(exampleOf)));
  const more = optional.length === 0 ? "" : ` (and, if you like, ${optional.map(({ name }) => name).join(", ")})`;
  return (
    `${tool} takes ${names.length === 1 ? "one argument" : "more than one argument"}: write one word for each of ` +
    `${names.join(", ")}${more}, in this order, or a JSON object, such as ${tool} ${example}.`
  );
};

/** Longest argument, in characters: references stand for texts, and a sub-goal may have many. */
const ARGUMENT_LENGTH = 100_000;

const writeText = (tool: string, argument: string, subGoal: string, state: FlowState): ToolCall | Refusal => {
  const missing: string[] = [];
  const terms = computes(state.tools, tool);
  const write = (reference: string): string => {
    // Inside a sentence a lone "q" is a letter; as a whole sub-goal it is the question.
    if (reference === "q" && subGoal !== "q") return reference;
    // In a calculation a reference is an operand, with nothing around it.
    const { name, field, rest } = resolveIn(terms ? reference : subGoal, reference, state);
    if (field === undefined) missing.push(reference);
    if (field === undefined) return reference;
    if (terms) return fieldTerm(field);
    // As the question wrote it: version 18.10 is not the number 18.1.
    return (isEntity(name) ? entityText(name, state) : fieldText(field)) + rest;
  };
  const text = (terms ? functionCall(subGoal) : subGoal).replace(REFERENCE, write);
  if (missing.length > 0) return refused("bad-reference", badReference(missing[0] ?? "", state));
  if (text.length > ARGUMENT_LENGTH)
    return refused(
      "bad-arguments",
      `${tool}: with its references written out, ${argument} has ${text.length} characters; accepted are ${ARGUMENT_LENGTH}.`,
    );
  return { tool, input: { [argument]: text } };
};

/** Whether a reference stands for what the question says, and for nothing that was found. */
const isEntity = (reference: string): boolean => /^q\d*$/.test(reference);

const entityText = (reference: string, { query, analysis }: FlowState): string =>
  reference === "q" ? query.question : (analysis.entities[Number(reference.slice(1)) - 1] ?? reference);

/** `days @2.date @4.born` → `days(@2.date, @4.born)`: a word before nothing but references and numbers is a function. */
const functionCall = (subGoal: string): string => {
  const [name, ...terms] = subGoal.split(/\s+/u);
  const isTerm = (term: string): boolean =>
    /^(?:q\d+(?:\.[\p{L}\p{N}_-]+)?|@\d+(?:\.[\p{L}\p{N}_-]+)?|-?\d+(?:\.\d+)?)$/u.test(term);
  return name !== undefined && /^\p{L}+$/u.test(name) && terms.length > 0 && terms.every(isTerm)
    ? `${name}(${terms.join(", ")})`
    : subGoal;
};

const badReference = (reference: string, { analysis, memory }: FlowState): string => {
  const entry = /^@(\d+)/u.exec(reference);
  const [thing, field] = reference.split(".");
  if (entry === null && field !== undefined)
    return `There is no ${reference}: nothing that goes back to ${thing} has a field ${field}.`;
  if (entry === null) return `There is no ${reference}: the question has ${analysis.entities.length} entities.`;
  const observation = memory[Number(entry[1]) - 1]?.observation;
  if (observation === undefined) return `There is no ${reference}: memory has ${memory.length} entries.`;
  if (observation.status !== "ok") return `There is no ${reference}: @${entry[1]} ${observation.status}.`;
  return `There is no ${reference}: @${entry[1]} has ${Object.keys(observation.fields).slice(0, 24).join(", ") || "no fields"}.`;
};
