import { BudgetError, EngineError, ModelError, messageOf, ToolError } from "../errors.ts";
import { fieldName } from "../fields.ts";
import type { Executor, ModuleContext } from "../module.ts";
import { ANSWER_FIELD, failed, observe, refused, TEXT_LIMIT } from "./observation.ts";
import { parseInput } from "./schema.ts";

/**
 * Runs calls, whoever wrote them: the input is checked by the tool's schema, and what comes back is bounded to `outputLimit`
 * characters. What a tool throws is an observation; a model or an engine that is down ends the solve.
 */
export const callRunner =
  (outputLimit = TEXT_LIMIT): Executor["run"] =>
  async (call, state, context) => {
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
      if (thrown instanceof ModelError || thrown instanceof EngineError || thrown instanceof BudgetError) throw thrown;
      const reason = thrown instanceof ToolError && thrown.retryable ? "unavailable" : "tool-error";
      const error = messageOf(thrown) || "The tool failed without a message.";
      return failed(reason, context.redact?.(error) ?? error);
    }
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
