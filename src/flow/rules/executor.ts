import { BudgetError, EngineError, ModelError, messageOf, ToolError } from "../../errors.ts";
import { fieldName } from "../../fields.ts";
import type { Executor, FlowState, ModuleContext, Refusal } from "../../module.ts";
import { exactJson } from "../../number-text.ts";
import { checked, count } from "../../options.ts";
import { type AnyTool, computes, type Field } from "../../tool.ts";
import type { ToolCall } from "../../trajectory.ts";
import { type Argument, type Arguments, argumentsOf, argumentValue, isWholeText } from "../arguments.ts";
import { fieldTerm, fieldText } from "../field-text.ts";
import { REFERENCE, resolve } from "../memory.ts";
import { ANSWER_FIELD, failed, observe, refused, TEXT_LIMIT } from "../observation.ts";
import { parseInput } from "../schema.ts";

/**
 * The executor by rules. A tool with one required string argument gets it from the sub-goal, in which every reference
 * (`q1`, `@2.country`) is replaced by its value; one that computes gets terms (`135 ft`, `"2024-02-29"`) and
 * `days @2.date @4.born` is written as `days("…", "…")`. A tool with several required arguments, or one that is no
 * string, gets them in order, one word for each (`stock q1 @2.site`), further words are its optional ones; one without any
 * gets none. A sub-goal that is a JSON object is the whole input.
 *
 * @example
 * ```ts
 * import { createFlow, ruleExecutor } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, executor: ruleExecutor({ outputLimit: 2000 }), tools: {} });
 * ```
 */
export const ruleExecutor = (options: { readonly outputLimit?: number } = {}): Executor => {
  const { outputLimit = TEXT_LIMIT } = checked("ruleExecutor", options, { outputLimit: count });
  const argumentsBy = memoiseArguments();
  return {
    write: (step, state) => {
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
    },
    run: async (call, state, context) => {
      const tool = state.tools[call.tool];
      if (tool === undefined) return refused("unknown-tool", `There is no tool "${call.tool}".`);
      try {
        const parsing = parseInput(tool.inputSchema, call.input);
        const parsed = parsing instanceof Promise ? await parsing : parsing;
        if ("problem" in parsed) return refused("bad-arguments", `${call.tool}: ${parsed.problem}.`);
        const observation = observe(
          await lastOf(tool.execute(parsed.value as never, context), context),
          outputLimit,
          context.redact,
        );
        const answerField = fieldName(tool.metadata?.answerField ?? ANSWER_FIELD);
        return answerField === ANSWER_FIELD || observation.status !== "ok"
          ? observation
          : { ...observation, answerField };
      } catch (thrown) {
        // A model or engine that is down says nothing about the plan: the flow ends without a sample.
        if (thrown instanceof ModelError || thrown instanceof EngineError || thrown instanceof BudgetError)
          throw thrown;
        const reason = thrown instanceof ToolError && thrown.retryable ? "unavailable" : "tool-error";
        const error = messageOf(thrown) || "The tool failed without a message.";
        return failed(reason, context.redact?.(error) ?? error);
      }
    },
  };
};

/** Values of a tool after which other work runs. */
const TURN = 64;

/**
 * What a tool gives; of one that gives value after value, as a generator does, the last, or else what it returned. A signal
 * is made when somebody asks for it: most tools do not.
 */
const lastOf = async (given: unknown, context: Pick<ModuleContext, "abortSignal">): Promise<unknown> => {
  const result = await given;
  if (typeof result !== "object" || result === null || !(Symbol.asyncIterator in result)) return result;
  const values = (result as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  let next = await values.next();
  let last: unknown = next.value;
  for (let count = 1; next.done !== true; count += 1) {
    last = next.value;
    // Its deadline is over, or its solve is: the tool may close what it has open.
    if (context.abortSignal.aborted) await values.return?.();
    if (count % TURN === 0) await new Promise((resume) => setImmediate(resume));
    next = await values.next();
  }
  return last;
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
    input[name] = term.startsWith("q")
      ? argumentValue(field, type, entityText(term, state))
      : argumentValue(field, type);
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
  const lookUp = (reference: string): Field | undefined => {
    const field = resolve(reference, state);
    if (field === undefined) missing.push(reference);
    return field;
  };
  const write = (reference: string): string => {
    // Inside a sentence a lone "q" is a letter; as a whole sub-goal it is the question.
    if (reference === "q" && subGoal !== "q") return reference;
    const field = lookUp(reference);
    if (field === undefined) return reference;
    if (terms) return fieldTerm(field);
    // As the question wrote it: version 18.10 is not the number 18.1.
    return reference.startsWith("q") ? entityText(reference, state) : fieldText(field);
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

const entityText = (reference: string, { query, analysis }: FlowState): string =>
  reference === "q" ? query.question : (analysis.entities[Number(reference.slice(1)) - 1] ?? reference);

/** `days @2.date @4.born` → `days(@2.date, @4.born)`: a word before nothing but references and numbers is a function. */
const functionCall = (subGoal: string): string => {
  const [name, ...terms] = subGoal.split(/\s+/u);
  const isTerm = (term: string): boolean => /^(?:q\d+|@\d+(?:\.[\p{L}\p{N}_-]+)?|-?\d+(?:\.\d+)?)$/u.test(term);
  return name !== undefined && /^\p{L}+$/u.test(name) && terms.length > 0 && terms.every(isTerm)
    ? `${name}(${terms.join(", ")})`
    : subGoal;
};

const badReference = (reference: string, { analysis, memory }: FlowState): string => {
  const entry = /^@(\d+)/u.exec(reference);
  if (entry === null) return `There is no ${reference}: the question has ${analysis.entities.length} entities.`;
  const observation = memory[Number(entry[1]) - 1]?.observation;
  if (observation === undefined) return `There is no ${reference}: memory has ${memory.length} entries.`;
  if (observation.status !== "ok") return `There is no ${reference}: @${entry[1]} ${observation.status}.`;
  return `There is no ${reference}: @${entry[1]} has ${Object.keys(observation.fields).slice(0, 24).join(", ") || "no fields"}.`;
};
