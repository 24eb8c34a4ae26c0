import type { Budget, Usage } from "../budget.ts";
import type { Clock } from "../clock.ts";
import { AgentFlowError, messageOf } from "../errors.ts";
import type { FlowEventBody } from "../event.ts";
import type {
  Analyst,
  Executor,
  FlowState,
  Generator,
  ModuleContext,
  Planner,
  TokenCount,
  Verifier,
} from "../module.ts";
import type { RandomKey } from "../random.ts";
import type { Query } from "../task.ts";
import type { Toolset } from "../tool.ts";
import type { Analysis, MemoryEntry, Observation, Step, StopReason, ToolCall, TrainedTurn } from "../trajectory.ts";
import { Interrupted, type Interruption, TIMED_OUT } from "./interruption.ts";
import { failed, refused } from "./observation.ts";
import type { StopCondition } from "./stop-condition.ts";

/** Everything that a flow is made of, with its defaults filled in. */
export interface FlowParts {
  readonly analyst: Analyst;
  readonly planner: Planner;
  readonly executor: Executor;
  readonly verifier: Verifier;
  readonly generator: Generator;
  readonly tools: Toolset;
  readonly stopConditions: readonly StopCondition[];
  readonly budget: Required<Budget>;
  readonly clock: Clock;
  readonly toolTimeoutSeconds: number;
  readonly toolApproval: ((call: ToolCall, state: FlowState) => boolean | Promise<boolean>) | undefined;
  readonly onStepEnd: ((entry: MemoryEntry) => void | Promise<void>) | undefined;
  readonly instructions: string | undefined;
}

/** One solve: what is fixed for it and what it counts. */
export interface Run {
  readonly query: Query;
  readonly id: string;
  readonly randomKey: RandomKey;
  readonly versions: Readonly<Record<string, string>>;
  readonly turnLimit: number;
  readonly interruption: Interruption;
  readonly emit: ((event: FlowEventBody) => void) | undefined;
  readonly usage: { -readonly [Name in keyof Usage]: number };
}

/** How a run of the loop ended. `error`: an infrastructure failure, which makes the run no sample. */
export interface Outcome {
  readonly analysis: Analysis;
  readonly memory: readonly MemoryEntry[];
  readonly turns: readonly TrainedTurn[];
  readonly stopReason: StopReason;
  readonly answer: string | undefined;
  readonly error: AgentFlowError | undefined;
}

/** Who works at the moment, for the words of an error; what the caller's own functions throw is not caught. */
type Part = "analyst" | "planner" | "executor" | "verifier" | "generator" | "caller";

/** The turns of one solve, from analysis to answer: planner → executor → gate → tool → verifier → memory, again and again. */
export const runLoop = async (parts: FlowParts, run: Run): Promise<Outcome> => {
  const { query, interruption, emit, usage } = run;
  const turns: TrainedTurn[] = [];
  let analysis: Analysis = { entities: [], template: query.question };
  let memory: readonly MemoryEntry[] = [];
  let stopReason: StopReason | undefined;
  let part: Part = "analyst";
  const onText =
    emit === undefined ? undefined : (text: string) => emit({ type: "plan-delta", turn: memory.length + 1, text });
  const count = ({ prompt, sampled }: TokenCount): void => {
    usage.promptTokens += prompt;
    usage.sampledTokens += sampled;
  };
  const context = contextOf(parts, run, turns, () => interruption.signal, { onText, onTokens: count });
  const settle = <T>(work: T | PromiseLike<T>): T | Promise<T> => (isPromise(work) ? interruption.guard(work) : work);
  const stateAt = (turn: number): FlowState => ({
    query,
    analysis,
    tools: parts.tools,
    memory,
    turn,
    turnsLeft: run.turnLimit - turn + 1,
  });

  const takeTurn = async (state: FlowState): Promise<MemoryEntry> => {
    part = "planner";
    emit?.({ type: "plan-start", turn: state.turn });
    const planning = parts.planner(state, context);
    const plan = isPromise(planning) ? await interruption.guard(planning) : planning;
    const { step } = plan;
    usage.turns += 1;
    if (plan.tokens !== undefined) count(plan.tokens);
    if (plan.sampled !== undefined) turns.push(plan.sampled);
    emit?.({ type: "plan-end", turn: state.turn, tool: step.tool, subGoal: step.subGoal, step });
    const { call, observation } =
      plan.error === undefined
        ? await execute(step, state)
        : { call: undefined, observation: refused("malformed", plan.error) };
    if (observation.status === "ok") emit?.({ type: "tool-result", turn: state.turn, observation });
    else emit?.({ type: "tool-error", turn: state.turn, observation });
    part = "verifier";
    const judging = parts.verifier.judge(step, observation, state, context);
    const judged = isPromise(judging) ? await interruption.guard(judging) : judging;
    const verdict = "verdict" in judged ? judged.verdict : judged;
    if ("verdict" in judged) {
      if (judged.tokens !== undefined) count(judged.tokens);
      if (judged.sampled !== undefined) turns.push(judged.sampled);
    }
    emit?.({ type: "verdict-end", turn: state.turn, verdict });
    const turnsLeft = state.turnsLeft - 1;
    return call === undefined
      ? { index: state.turn, step, observation, verdict, turnsLeft }
      : { index: state.turn, step, call, observation, verdict, turnsLeft };
  };

  const execute = async (
    step: Step,
    state: FlowState,
  ): Promise<{ readonly call?: ToolCall; readonly observation: Observation }> => {
    part = "executor";
    const writing = parts.executor.write(step, state, context);
    const written = isPromise(writing) ? await interruption.guard(writing) : writing;
    if ("error" in written) return { observation: written };
    part = "verifier";
    const admitting = parts.verifier.admit(written, state, context);
    const refusal = isPromise(admitting) ? await interruption.guard(admitting) : admitting;
    if (refusal !== undefined) return { call: written, observation: refusal };
    part = "caller";
    if (parts.toolApproval !== undefined && !(await settle(parts.toolApproval(written, state)))) {
      return { call: written, observation: refused("not-approved", `The call of ${written.tool} was not approved.`) };
    }
    part = "executor";
    usage.calls += 1;
    emit?.({ type: "tool-call", turn: state.turn, call: written });
    return { call: written, observation: await runTool(parts, run, written, state, turns) };
  };

  try {
    const analysing = parts.analyst(query, context);
    analysis = isPromise(analysing) ? await interruption.guard(analysing) : analysing;
    emit?.({ type: "analysis-end", analysis });
    while (stopReason === undefined) {
      const turn = memory.length + 1;
      stopReason = interruption.reason ?? exhausted(parts.budget, run, turn);
      if (stopReason !== undefined) break;
      const entry = await takeTurn(stateAt(turn));
      memory = [...memory, entry];
      part = "caller";
      if (parts.onStepEnd !== undefined) await settle(parts.onStepEnd(entry));
      for (const condition of parts.stopConditions) stopReason ??= condition({ memory, usage });
    }
  } catch (thrown) {
    if (thrown instanceof Interrupted) stopReason = interruption.reason ?? "aborted";
    else if (part === "caller") throw thrown;
    else return { analysis, memory, turns, stopReason: "failure", answer: undefined, error: errorOf(part, thrown) };
  }

  try {
    const writing = parts.generator(stateAt(memory.length + 1), context);
    const answer = isPromise(writing) ? await interruption.guard(writing) : writing;
    return { analysis, memory, turns, stopReason, answer, error: undefined };
  } catch (thrown) {
    if (thrown instanceof Interrupted)
      return {
        analysis,
        memory,
        turns,
        stopReason: interruption.reason ?? stopReason,
        answer: undefined,
        error: undefined,
      };
    return { analysis, memory, turns, stopReason: "failure", answer: undefined, error: errorOf("generator", thrown) };
  }
};

/** Runs a call under its deadline. The signal that the tool got aborts at the deadline and at the end of the solve. */
const runTool = async (
  parts: FlowParts,
  run: Run,
  call: ToolCall,
  state: FlowState,
  turns: readonly TrainedTurn[],
): Promise<Observation> => {
  const { interruption } = run;
  let controller: AbortController | undefined;
  const stop = (): void => controller?.abort();
  const signal = (): AbortSignal => {
    if (controller === undefined) {
      controller = new AbortController();
      if (interruption.signal.aborted) controller.abort();
      else interruption.signal.addEventListener("abort", stop, { once: true });
    }
    return controller.signal;
  };
  try {
    const work = parts.executor.run(call, state, contextOf(parts, run, turns, signal, {}));
    const result = await interruption.guardWithin(work, parts.toolTimeoutSeconds);
    if (result !== TIMED_OUT) return result;
    stop();
    return failed("timeout", `${call.tool} gave no result within ${parts.toolTimeoutSeconds} seconds.`);
  } finally {
    if (controller !== undefined) interruption.signal.removeEventListener("abort", stop);
  }
};

const contextOf = (
  { instructions }: FlowParts,
  { id, randomKey, versions }: Run,
  turns: readonly TrainedTurn[],
  signal: () => AbortSignal,
  { onText, onTokens }: { readonly [Name in "onText" | "onTokens"]?: ModuleContext[Name] | undefined },
): ModuleContext => {
  const context: { -readonly [Name in keyof ModuleContext]: ModuleContext[Name] } = {
    history: id,
    randomKey,
    turns,
    versions,
    get abortSignal() {
      return signal();
    },
  };
  if (instructions !== undefined) context.instructions = instructions;
  if (onText !== undefined) context.onText = onText;
  if (onTokens !== undefined) context.onTokens = onTokens;
  return context;
};

const exhausted = (
  { tokens, calls }: Required<Budget>,
  { usage, turnLimit }: Run,
  turn: number,
): StopReason | undefined => {
  if (turn > turnLimit) return "turn-limit";
  return usage.promptTokens + usage.sampledTokens >= tokens || usage.calls >= calls ? "budget" : undefined;
};

const errorOf = (part: Part, thrown: unknown): AgentFlowError =>
  thrown instanceof AgentFlowError
    ? thrown
    : new AgentFlowError(`The ${part} failed: ${messageOf(thrown)}`, { cause: thrown });

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as { then?: unknown } | undefined)?.then === "function";
