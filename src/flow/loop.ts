import type { Budget } from "../budget.ts";
import type { Clock } from "../clock.ts";
import { AgentFlowError, BudgetError, messageOf } from "../errors.ts";
import type { FlowEventBody } from "../event.ts";
import type { Experience, ExperienceStore } from "../experience.ts";
import type { Familiarity } from "../familiarity.ts";
import type {
  Analyst,
  Executor,
  FlowState,
  Generated,
  Generator,
  ModuleContext,
  Planner,
  TokenCount,
  Verifier,
} from "../module.ts";
import { defined } from "../options.ts";
import type { RandomKey } from "../random.ts";
import type { ReplyLog } from "../reply-log.ts";
import type { Redactor } from "../secrets/redact.ts";
import type { Query } from "../task.ts";
import { asksApproval, type Grants, type Toolset } from "../tool.ts";
import type {
  Analysis,
  MemoryEntry,
  Observation,
  Step,
  StopReason,
  ToolCall,
  TrainedTurn,
  Trajectory,
} from "../trajectory.ts";
import type { Usage } from "../usage.ts";
import { fixedCall } from "./fixed-call.ts";
import { Interrupted, type Interruption, TIMED_OUT } from "./interruption.ts";
import type { TakeTurn } from "./loop-turns.ts";
import { reached, type SolveMeter } from "./meter.ts";
import { failed, refused } from "./observation.ts";
import { ruleGenerator } from "./rules/generator.ts";
import type { StopCondition } from "./stop-condition.ts";
import type { TraceApi } from "./tracing.ts";

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
  readonly takeTurn: TakeTurn;
  readonly toolTimeoutSeconds: number;
  readonly toolApproval: ((call: ToolCall, state: FlowState) => boolean | Promise<boolean>) | undefined;
  readonly onStepEnd: ((entry: MemoryEntry) => void | Promise<void>) | undefined;
  readonly instructions: string | undefined;
  readonly grants: Grants | undefined;
  readonly redact: Redactor | undefined;
  /** `redact` for what a tool brought. */
  readonly redactObservation: ((observation: Observation) => Observation) | undefined;
  readonly familiarity: Familiarity | undefined;
  readonly tracing: TraceApi | undefined;
  readonly replies: ReplyLog | undefined;
  readonly experience:
    | { readonly store: ExperienceStore; readonly limit?: number; readonly source?: string }
    | undefined;
}

/** One solve: what is fixed for it and what it counts. */
export interface Run {
  readonly query: Query;
  readonly id: string;
  readonly randomKey: RandomKey;
  readonly versions: Readonly<Record<string, string>>;
  /** Those that the grants of flow and solve allow. */
  readonly tools: Toolset;
  readonly grants: Grants | undefined;
  readonly meter: SolveMeter;
  readonly turnLimit: number;
  /** Turns that were taken before. */
  readonly from?: Pick<Trajectory, "memory" | "turns"> | undefined;
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
  readonly solution?: string | undefined;
  /** What was passed on of the answer while it was written. */
  readonly told?: string;
  readonly error: AgentFlowError | undefined;
}

/** Who works at the moment, for the words of an error; what the caller's own functions throw is not caught. */
type Part = "analyst" | "planner" | "executor" | "verifier" | "generator" | "caller";

/** The turns of one solve, from analysis to answer: planner → executor → gate → tool → verifier → memory, again and again. */
export const runLoop = async (parts: FlowParts, run: Run): Promise<Outcome> => {
  const { query, interruption, emit, usage } = run;
  const turns: TrainedTurn[] = [...(run.from?.turns ?? [])];
  let analysis: Analysis = { entities: [], template: query.question };
  let memory = run.from?.memory ?? [];
  let stopReason: StopReason | undefined;
  let part: Part = "analyst";
  let experience: readonly Experience[] | undefined;
  // Whatever a module says, its words pass here before anyone else sees them.
  const clean = <Said>(said: Said): Said => (parts.redact === undefined ? said : parts.redact.value(said));
  const planText = parts.redact?.stream();
  const tell = (text: string): void => {
    if (text !== "") emit?.({ type: "plan-delta", turn: memory.length + 1, text });
  };
  const onText = emit === undefined ? undefined : (text: string) => tell(planText?.push(text) ?? text);
  const count = ({ prompt, sampled }: TokenCount): void => {
    usage.promptTokens += prompt;
    usage.sampledTokens += sampled;
  };
  const context = contextOf(parts, run, turns, () => interruption.signal, onText);
  const settle = <T>(work: T | PromiseLike<T>): T | Promise<T> => (isPromise(work) ? interruption.guard(work) : work);
  const stateAt = (turn: number): FlowState => ({
    query,
    analysis,
    tools: run.tools,
    memory,
    turn,
    turnsLeft: run.turnLimit - turn + 1,
    ...defined({ experience }),
  });

  const takeTurn = async (state: FlowState): Promise<MemoryEntry> => {
    part = "planner";
    emit?.({ type: "plan-start", turn: state.turn });
    const planning = parts.planner(state, context);
    const plan = isPromise(planning) ? await interruption.guard(planning) : planning;
    tell(planText?.end() ?? "");
    const step = clean(plan.step);
    // What a plan holds of a secret is to be sent away: the call is not made, with or without it.
    const tells = step.tool !== plan.step.tool || step.subGoal !== plan.step.subGoal;
    usage.turns += 1;
    if (plan.tokens !== undefined) count(plan.tokens);
    if (plan.sampled !== undefined) turns.push(plan.sampled);
    emit?.({ type: "plan-end", turn: state.turn, tool: step.tool, subGoal: step.subGoal, step });
    const { call, observation }: Executed =
      plan.error !== undefined
        ? { observation: refused("malformed", clean(plan.error)) }
        : tells
          ? { observation: refused("bad-arguments", secretIn("sub-goal")) }
          : await execute(step, state);
    if (observation.status === "ok") emit?.({ type: "tool-result", turn: state.turn, observation });
    else emit?.({ type: "tool-error", turn: state.turn, observation });
    part = "verifier";
    const judging = parts.verifier.judge(step, observation, state, context);
    const judged = isPromise(judging) ? await interruption.guard(judging) : judging;
    const said = "verdict" in judged ? judged.verdict : judged;
    const verdict = parts.redact === undefined ? said : { ...clean(said), decision: said.decision };
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

  const execute = async (step: Step, state: FlowState): Promise<Executed> => {
    part = "executor";
    const writing = parts.executor.write(step, state, context);
    const raw = isPromise(writing) ? await interruption.guard(writing) : writing;
    if ("error" in raw) return { observation: { ...raw, error: clean(raw.error) } };
    const written = clean(raw);
    // Pieces that were harmless apart may have been put together.
    if (written !== raw) return { call: written, observation: refused("bad-arguments", secretIn("call")) };
    const call = parts.toolApproval === undefined ? written : fixedCall(written);
    if ("error" in call) return { observation: call };
    part = "verifier";
    const admitting = parts.verifier.admit(call, state, context);
    const refusal = isPromise(admitting) ? await interruption.guard(admitting) : admitting;
    if (refusal !== undefined) return { call, observation: { ...refusal, error: clean(refusal.error) } };
    part = "caller";
    if (parts.toolApproval === undefined) {
      if (asksApproval(run.tools[call.tool]))
        return { call, observation: refused("not-approved", unapproved(call.tool)) };
    } else if ((await settle(parts.toolApproval(call, state))) !== true) {
      return { call, observation: refused("not-approved", `The call of ${call.tool} was not approved.`) };
    }
    part = "executor";
    usage.calls += 1;
    emit?.({ type: "tool-call", turn: state.turn, call });
    return { call, observation: await replyOf(parts, run, call, state, turns) };
  };

  try {
    const analysing = parts.analyst(query, context);
    analysis = clean(isPromise(analysing) ? await interruption.guard(analysing) : analysing);
    emit?.({ type: "analysis-end", analysis });
    // By the question without its names: what is alike is how it is asked.
    if (parts.experience !== undefined) {
      part = "caller";
      const { store, limit = 2 } = parts.experience;
      experience = clean(await interruption.guard(store.retrieve(analysis.template, { limit })));
    }
    while (stopReason === undefined) {
      const turn = memory.length + 1;
      stopReason = interruption.reason ?? exhausted(parts.budget, run, turn);
      if (stopReason !== undefined) break;
      run.meter.check();
      const entry = await takeTurn(stateAt(turn));
      memory = [...memory, entry];
      part = "caller";
      if (parts.onStepEnd !== undefined) await settle(parts.onStepEnd(entry));
      for (const condition of parts.stopConditions) stopReason ??= condition({ memory, usage });
    }
  } catch (thrown) {
    if (thrown instanceof Interrupted) stopReason = interruption.reason ?? "aborted";
    else if (thrown instanceof BudgetError) stopReason = "budget";
    else if (part === "caller") throw thrown;
    else return { analysis, memory, turns, stopReason: "failure", answer: undefined, error: errorOf(part, thrown) };
  }

  const telling = answerTeller(parts, run);
  const ended = { turns, error: undefined };
  try {
    const state = stateAt(memory.length + 1);
    const writing = contextOf(parts, run, turns, () => interruption.signal, telling?.onText);
    const written = clean(await writtenBy(parts, state, writing, interruption));
    const { answer, solution } = typeof written === "object" ? written : { answer: written, solution: undefined };
    return { ...ended, analysis, memory, stopReason, answer, solution, ...defined({ told: telling?.told() }) };
  } catch (thrown) {
    if (thrown instanceof Interrupted)
      return { ...ended, analysis, memory, stopReason: interruption.reason ?? stopReason, answer: undefined };
    return { analysis, memory, turns, stopReason: "failure", answer: undefined, error: errorOf("generator", thrown) };
  }
};

/** Tells answer and solution while they are written, without secrets. */
const answerTeller = ({ redact }: FlowParts, { emit }: Run) => {
  if (emit === undefined) return undefined;
  let told = "";
  const [answer, solution] = [redact?.stream(), redact?.stream()];
  const tell = (text: string, part: "answer" | "solution"): void => {
    if (text === "") return;
    if (part === "answer") told += text;
    emit({ type: part === "answer" ? "answer-delta" : "solution-delta", text });
  };
  return {
    onText: (delta: string, part: "answer" | "solution" = "answer"): void =>
      tell((part === "answer" ? answer : solution)?.push(delta) ?? delta, part),
    told: (): string => {
      tell(solution?.end() ?? "", "solution");
      tell(answer?.end() ?? "", "answer");
      return told;
    },
  };
};

/** The generator's answer; the best one by rules when the budget leaves none for a model. */
const writtenBy = async (
  parts: FlowParts,
  state: FlowState,
  context: ModuleContext,
  interruption: Interruption,
): Promise<Generated> => {
  try {
    const writing = parts.generator(state, context);
    return isPromise(writing) ? await interruption.guard(writing) : writing;
  } catch (thrown) {
    if (!(thrown instanceof BudgetError)) throw thrown;
    return ruleGenerator()(state, context);
  }
};

/** What came of a step, and the call that it became. */
interface Executed {
  readonly call?: ToolCall;
  readonly observation: Observation;
}

const unapproved = (tool: string): string =>
  `${tool} changes things outside and needs somebody's approval, and nobody is there to give it (toolApproval).`;

const secretIn = (what: string): string =>
  `The ${what} holds a secret. Secrets are not passed on to tools: write it without.`;

/** What comes of a call, without secrets; of a flow that keeps replies the one that it got when it was made before. */
const replyOf = async (
  parts: FlowParts,
  run: Run,
  call: ToolCall,
  state: FlowState,
  turns: readonly TrainedTurn[],
): Promise<Observation> => {
  const { replies, redact, redactObservation } = parts;
  const ask = async (): Promise<Observation> => {
    const observation = await runTool(parts, run, call, state, turns);
    return redactObservation === undefined ? observation : redactObservation(observation);
  };
  if (replies === undefined) return ask();
  const { keptReply } = await import("./kept-replies.ts");
  return keptReply({ replies, redact, ask, ...run }, { history: run.id, turn: state.turn, call });
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
    const seconds = run.tools[call.tool]?.timeoutSeconds ?? parts.toolTimeoutSeconds;
    const context = contextOf(parts, run, turns, signal, undefined);
    const work = parts.executor.run(
      call,
      state,
      Object.assign(context, { toolCallId: `${run.id}-${state.turn}`, messages: [] }),
    );
    const result = await interruption.guardWithin(work, seconds);
    if (result !== TIMED_OUT) return result;
    stop();
    return failed("timeout", `${call.tool} gave no result within ${seconds} seconds.`);
  } finally {
    if (controller !== undefined) interruption.signal.removeEventListener("abort", stop);
  }
};

const contextOf = (
  { instructions, redact }: FlowParts,
  { id, randomKey, versions, meter, grants }: Run,
  turns: readonly TrainedTurn[],
  signal: () => AbortSignal,
  onText: ModuleContext["onText"] | undefined,
): ModuleContext => {
  const context: { -readonly [Name in keyof ModuleContext]: ModuleContext[Name] } = {
    history: id,
    randomKey,
    turns,
    versions,
    meter,
    get abortSignal() {
      return signal();
    },
  };
  if (instructions !== undefined) context.instructions = instructions;
  if (onText !== undefined) context.onText = onText;
  if (grants !== undefined) context.grants = grants;
  if (redact !== undefined) context.redact = redact;
  return context;
};

const exhausted = (budget: Required<Budget>, { usage, turnLimit }: Run, turn: number): StopReason | undefined => {
  if (turn > turnLimit) return "turn-limit";
  return reached(budget, usage) === undefined ? undefined : "budget";
};

const errorOf = (part: Part, thrown: unknown): AgentFlowError =>
  thrown instanceof AgentFlowError
    ? thrown
    : new AgentFlowError(`The ${part} failed: ${messageOf(thrown)}`, { cause: thrown });

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof (value as { then?: unknown } | undefined)?.then === "function";
