import { systemClock } from "../clock.ts";
import { type AgentFlowError, ConfigError } from "../errors.ts";
import type { FlowEvent, FlowEventBody } from "../event.ts";
import { type EventStream, eventStream } from "../event-stream.ts";
import type { Familiarity } from "../familiarity.ts";
import { checked, defined, refusal, withDefaults } from "../options.ts";
import { randomKey } from "../random.ts";
import { type Query, queryOf } from "../task.ts";
import { type Grants, type Toolset, toolsetOf } from "../tool.ts";
import type { StopReason, Trajectory } from "../trajectory.ts";
import { noUsage, type Usage } from "../usage.ts";
import {
  checkedAnalyst,
  type FlowOptions,
  flowRules,
  queryRule,
  type SolveOptions,
  solveRules,
} from "./flow-options.ts";
import { Interruption } from "./interruption.ts";
import { type FlowParts, type Outcome, type Run, runLoop } from "./loop.ts";
import { loopTurns } from "./loop-turns.ts";
import { SolveMeter, unpricedError } from "./meter.ts";
import { chatPlanner } from "./model/chat-planner.ts";
import { chatVerifier } from "./model/chat-verifier.ts";
import { modelExecutor } from "./model/executor.ts";
import { modelGenerator } from "./model/generator.ts";
import { ruleAnalyst } from "./rules/analyst.ts";
import { ruleExecutor } from "./rules/executor.ts";
import { ruleGenerator } from "./rules/generator.ts";
import { ruleVerifier } from "./rules/verifier.ts";
import { readSchemas } from "./schema.ts";
import { withoutSecrets } from "./secret-holders.ts";
import { answered, noProgress, repeatedCall } from "./stop-condition.ts";

export type { FlowOptions, SolveOptions } from "./flow-options.ts";

/** What every solve ends with. */
export interface SolveEnd {
  readonly stopReason: StopReason;
  readonly usage: Usage;
  readonly trajectory: Trajectory;
}

/** How a solve ended: with an answer, with the best so far and a reason, or with an infrastructure failure. */
export type SolveResult =
  | (SolveEnd & { readonly status: "solved"; readonly answer: string; readonly solution?: string })
  | (SolveEnd & { readonly status: "partial"; readonly answer?: string; readonly solution?: string })
  | (SolveEnd & { readonly status: "failed"; readonly error: AgentFlowError });

/** The events of a solve under way, for one reader, and its result. */
export type FlowStream = EventStream<FlowEvent, SolveResult>;

/** Four modules that solve a question in turns over a shared memory. */
export interface Flow {
  /** Never throws for what a model or a tool did. Throws `ConfigError` for options that cannot work. */
  solve(query: string | Query, options?: SolveOptions): Promise<SolveResult>;
  /** The events of a solve while it runs, and its result. Leaving the loop over it aborts the solve. */
  stream(query: string | Query, options?: SolveOptions): FlowStream;
  /** The same flow with some of its options replaced. */
  with(changes: Partial<FlowOptions>): Flow;
}

/**
 * Puts a flow together. Throws `ConfigError`.
 *
 * @example
 * ```ts
 * import { createFlow, turnCount } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { calculate } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: { calculate }, stopWhen: [turnCount(8)], budget: { seconds: 60 } });
 * const result = await flow.solve("How many days lie between 2024-02-01 and 2024-03-01?");
 * if (result.status === "solved") console.log(result.answer);
 * ```
 */
export const createFlow = (options: FlowOptions): Flow => {
  const parts = withoutSecrets(partsOf(options), options);
  const newId = options.newId ?? (() => crypto.randomUUID());
  const solve = (query: string | Query, solveOptions: SolveOptions = {}): Promise<SolveResult> =>
    solveWith(parts, newId, query, solveOptions);
  return {
    solve,
    stream: (query, solveOptions = {}) =>
      eventStream<FlowEvent, SolveResult>(
        (listen, abortSignal) => solve(query, { ...solveOptions, onEvent: listen, abortSignal }),
        solveOptions,
      ),
    with: (changes) => createFlow({ ...options, ...changes }),
  };
};

const partsOf = (options: FlowOptions): FlowParts => {
  if (typeof options !== "object" || options === null) throw refusal("createFlow", options, "an object of options");
  const { model } = options;
  const planner = options.planner ?? (model === undefined ? undefined : chatPlanner(model));
  if (typeof planner !== "function")
    throw new ConfigError(
      "createFlow needs a planner, modelPlanner(model or policy) or a function (state, context) => plan, or a model for all modules.",
    );
  checked("createFlow", options, flowRules);
  const tools = toolsetOf(options.tools);
  readSchemas(tools);
  const { toolTimeoutSeconds = 30, stopWhen = [], loopDetectors = [repeatedCall(), noProgress()] } = options;
  const unlimited = Number.POSITIVE_INFINITY;
  const budget = withDefaults(
    { turns: 10, tokens: 100_000, seconds: 600, calls: 100, dollars: unlimited, toolDollars: unlimited },
    options.budget ?? {},
  );
  if (model?.priced === false && Number.isFinite(budget.dollars)) throw unpricedError(budget.dollars, model.id);
  return {
    analyst: options.analyst === undefined ? ruleAnalyst() : checkedAnalyst(options.analyst),
    planner,
    executor: options.executor ?? (model === undefined ? ruleExecutor() : modelExecutor(model)),
    verifier: options.verifier ?? (model === undefined ? ruleVerifier() : chatVerifier(model)),
    generator: options.generator ?? (model === undefined ? ruleGenerator() : modelGenerator(model)),
    tools,
    stopConditions: [answered(), ...stopWhen, ...loopDetectors],
    budget,
    clock: options.clock ?? systemClock,
    takeTurn: loopTurns(),
    toolTimeoutSeconds,
    toolApproval: options.toolApproval,
    onStepEnd: options.onStepEnd,
    instructions: options.instructions,
    grants: options.grants,
    familiarity: options.familiarity,
    tracing: options.tracing,
    replies: options.replies,
    experience: options.experience,
    redact: undefined,
    redactObservation: undefined,
  };
};

const turnLimitOf = (parts: FlowParts, { turnLimit = parts.budget.turns }: Query): number => {
  if (!Number.isInteger(turnLimit) || turnLimit < 1)
    throw new ConfigError(`turnLimit is ${turnLimit}: it must be a whole number above 0.`);
  return parts.stopConditions.reduce((limit, { turns = limit }) => Math.min(limit, turns), turnLimit);
};

const solveWith = async (
  flowParts: FlowParts | (() => Promise<FlowParts>),
  newId: () => string,
  input: string | Query,
  options: SolveOptions,
): Promise<SolveResult> => {
  checked("solve", options, solveRules);
  const parts = typeof flowParts === "function" ? await flowParts() : flowParts;
  if (typeof input !== "string") queryRule(input, "The query");
  const id = options.id ?? newId();
  // A copy: whatever else the caller's object holds, such as a sealed answer, stays behind.
  const asked: Query = typeof input === "string" ? { id, question: input } : queryOf(input);
  const query = parts.redact === undefined ? asked : parts.redact.value(asked);
  if (typeof query.question !== "string" || query.question.trim() === "")
    throw new ConfigError("The question is empty.");
  const started = parts.clock.now();
  const usage = noUsage();
  const grants =
    parts.grants === undefined || options.grants === undefined
      ? (parts.grants ?? options.grants)
      : (await import("../narrow-grants.ts")).narrow(parts.grants, options.grants);
  const trace = parts.tracing === undefined ? undefined : (await import("./tracing.ts")).traceSolve(parts.tracing, id);
  const run: Run = {
    query,
    id,
    randomKey: options.randomKey ?? randomKey("solve", id),
    versions: options.versions ?? {},
    turnLimit: turnLimitOf(parts, query),
    interruption: new Interruption(parts.clock, parts.budget.seconds, options.abortSignal, parts.takeTurn),
    emit: listenersOf(options.onEvent, trace?.onEvent),
    usage,
    from: options.from,
    tools: granted(parts.tools, grants),
    grants,
    meter: new SolveMeter(parts.budget, usage, options.meter),
  };
  try {
    const outcome = await runLoop(parts, run);
    parts.redact?.error(outcome.error);
    run.usage.seconds = (parts.clock.now() - started) / 1000;
    Object.freeze(run.usage);
    const result = resultOf(run, outcome, parts.familiarity);
    if (run.emit !== undefined) announce(run.emit, result, outcome.told ?? "");
    trace?.end(result.trajectory);
    const { experience } = parts;
    if (experience?.source !== undefined && result.status !== "failed")
      await experience.store.record(result.trajectory, { source: experience.source });
    return result;
  } finally {
    run.interruption.close();
    parts.planner.release?.(id);
    parts.verifier.release?.(id);
  }
};

/** Tools that the grants allow: no other one is even named to a module. */
const granted = (tools: Toolset, grants: Grants | undefined): Toolset =>
  grants?.tools === undefined
    ? tools
    : Object.fromEntries(Object.entries(tools).filter(([name]) => grants.tools?.includes(name)));

const listenersOf = (
  ...given: readonly (((event: FlowEvent) => void) | undefined)[]
): ((event: FlowEventBody) => void) | undefined => {
  const listeners = given.filter((listen) => listen !== undefined);
  if (listeners.length === 0) return undefined;
  return numbered((event) => {
    for (const listen of listeners) listen(event);
  });
};

const numbered = (listen: (event: FlowEvent) => void): ((event: FlowEventBody) => void) => {
  let sequence = 0;
  let finished = false;
  return (event) => {
    // A model that ignores an abort may still write: nothing is reported after the last event.
    if (finished) return;
    finished = event.type === "finish";
    // Each body is made for this one event: numbering it in place spares a copy.
    listen(Object.assign(event, { sequence: sequence++ }));
  };
};

/** Tells the end; of the answer what was not told while it was written. */
const announce = (emit: (event: FlowEventBody) => void, result: SolveResult, told: string): void => {
  const { status, stopReason, usage, trajectory } = result;
  const { answer, solution } = trajectory;
  if (answer !== undefined && !answer.startsWith(told)) emit({ type: "answer-delta", text: answer, restart: true });
  else if (answer !== undefined && answer !== told) emit({ type: "answer-delta", text: answer.slice(told.length) });
  emit({ type: "finish", status, stopReason, usage, ...defined({ answer, solution }) });
};

const resultOf = ({ id, query, usage }: Run, outcome: Outcome, familiarity: Familiarity | undefined): SolveResult => {
  const { analysis, memory, turns, answer, solution, error } = outcome;
  const isUnlike = familiarity !== undefined && !(familiarity.of(analysis.template) >= familiarity.least);
  const answered = answer === undefined ? "no-answer" : isUnlike ? "unfamiliar" : "answered";
  const stopReason = outcome.stopReason === "answered" ? answered : outcome.stopReason;
  const status = error !== undefined ? "failed" : stopReason === "answered" ? "solved" : "partial";
  const trajectory: Trajectory = Object.freeze({
    schemaVersion: 1,
    id,
    query: Object.freeze({ id: query.id, question: query.question, ...defined({ conversation: query.conversation }) }),
    analysis: Object.freeze(analysis),
    memory: Object.freeze(memory),
    turns: Object.freeze(turns),
    ...defined({ answer, solution }),
    status,
    stopReason,
    ...defined({ failure: error?.message }),
  });
  if (error !== undefined) return { status: "failed", error, stopReason, usage, trajectory };
  const ended = { stopReason, usage, trajectory, ...defined({ solution }) };
  if (answer === undefined) return { status: "partial", ...ended };
  return status === "solved" ? { status, answer, ...ended } : { status: "partial", answer, ...ended };
};
