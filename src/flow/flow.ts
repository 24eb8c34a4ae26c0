import type { Budget, Meter, Usage } from "../budget.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type AgentFlowError, ConfigError } from "../errors.ts";
import type { FlowEvent, FlowEventBody } from "../event.ts";
import type { ExperienceStore } from "../experience.ts";
import { narrow } from "../grants.ts";
import type { ChatModel } from "../model.ts";
import type { Analyst, Executor, FlowState, Generator, Planner, Verifier } from "../module.ts";
import { type RandomKey, randomKey } from "../random.ts";
import { type Redactor, redactor } from "../redact.ts";
import type { ReplyLog } from "../reply-log.ts";
import { type Query, queryOf } from "../task.ts";
import type { Grants, Toolset } from "../tool.ts";
import type { MemoryEntry, StopReason, ToolCall, Trajectory } from "../trajectory.ts";
import { ruleAnalyst } from "./analysis.ts";
import { ruleExecutor } from "./executor.ts";
import { ruleGenerator } from "./generator.ts";
import { Interruption } from "./interruption.ts";
import { type FlowParts, type Outcome, type Run, runLoop } from "./loop.ts";
import { SolveMeter } from "./meter.ts";
import { modelExecutor } from "./model-executor.ts";
import { modelGenerator } from "./model-generator.ts";
import { modelVerifier } from "./model-verifier.ts";
import { chatPlanner } from "./planner.ts";
import { answered, noProgress, repeatedCall, type StopCondition } from "./stop-condition.ts";
import { type FlowStream, streamOf } from "./stream.ts";
import { type TraceApi, traceSolve } from "./tracing.ts";
import { ruleVerifier } from "./verifier.ts";

export interface FlowOptions {
  /** The default for all four modules. One of `model` and `planner` is needed. */
  readonly model?: ChatModel;
  /** @default chatPlanner(model) */
  readonly planner?: Planner;
  readonly tools: Toolset;
  /** @default modelExecutor(model), or ruleExecutor() without a model */
  readonly executor?: Executor;
  /** @default modelVerifier(model), or ruleVerifier() without a model */
  readonly verifier?: Verifier;
  /** @default modelGenerator(model), or ruleGenerator() without a model */
  readonly generator?: Generator;
  /** @default ruleAnalyst() */
  readonly analyst?: Analyst;
  /** Conditions besides the verifier's word and the loop detectors. @default [] */
  readonly stopWhen?: readonly StopCondition[];
  /** @default [repeatedCall(), noProgress()] */
  readonly loopDetectors?: readonly StopCondition[];
  readonly budget?: Budget;
  /** Deadline of each tool call. @default 30 */
  readonly toolTimeoutSeconds?: number;
  /** Asked before each call that passed the verifier; false refuses it. Without it, tools that need approval are refused. */
  readonly toolApproval?: (call: ToolCall, state: FlowState) => boolean | Promise<boolean>;
  /** Which tools may be called, which hosts and folders they may reach. A solve can narrow it. @default no limit */
  readonly grants?: Grants;
  /**
   * Keys and passwords that are taken out of all that models, tools and pages say, before anyone sees it; no call that
   * holds one is made. The keys that `model` and `tools` say they were given count as well. @default []
   */
  readonly secrets?: readonly string[];
  /**
   * A memory across tasks: earlier tasks that are like the question are told to a planner in natural language, in a slot of
   * their own. With `source` each solve is added to it. @default none
   */
  readonly experience?: { readonly store: ExperienceStore; readonly limit?: number; readonly source?: string };
  /** The module `@opentelemetry/api`: each solve becomes spans by the GenAI conventions. @default no traces */
  readonly tracing?: TraceApi;
  /** Keeps the replies of tools, and gives them again where a solve is done once more by the same id. @default none */
  readonly replies?: ReplyLog;
  /** Called after each turn with its entry of memory; the flow waits for it. */
  readonly onStepEnd?: (entry: MemoryEntry) => void | Promise<void>;
  /** What every model-backed module is told. */
  readonly instructions?: string;
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Makes the id of a solve that was given none. @default a random UUID */
  readonly newId?: () => string;
}

export interface SolveOptions {
  /** Id of the trajectory, unique among the solves that run at once. */
  readonly id?: string;
  /** @default derived from the id */
  readonly randomKey?: RandomKey;
  readonly abortSignal?: AbortSignal;
  /** Policy versions to sample, by policy name. @default the newest at the first turn, kept for the whole solve */
  readonly versions?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: FlowEvent) => void;
  /** What the flow grants, narrowed for this solve. */
  readonly grants?: Grants;
  /** The caller's budget, of a solve inside another one: what is used here is used there. */
  readonly meter?: Meter;
}

interface Ended {
  readonly stopReason: StopReason;
  readonly usage: Usage;
  readonly trajectory: Trajectory;
}

/** How a solve ended: with an answer, with the best so far and a reason, or with an infrastructure failure. */
export type SolveResult =
  | (Ended & { readonly status: "solved"; readonly answer: string; readonly solution?: string })
  | (Ended & { readonly status: "partial"; readonly answer?: string; readonly solution?: string })
  | (Ended & { readonly status: "failed"; readonly error: AgentFlowError });

/** Four modules that solve a question in turns over a shared memory. */
export interface Flow {
  /** Never throws for what a model or a tool did. Throws `ConfigError` for options that cannot work. */
  solve(query: string | Query, options?: SolveOptions): Promise<SolveResult>;
  /** The events of a solve while it runs, and its result. Leaving the loop over it aborts the solve. */
  stream(query: string | Query, options?: SolveOptions): FlowStream<SolveResult>;
  /** The same flow with some of its options replaced. */
  with(changes: Partial<FlowOptions>): Flow;
}

/** Puts a flow together. Throws `ConfigError`. */
export const createFlow = (options: FlowOptions): Flow => {
  const parts = partsOf(options);
  const newId = options.newId ?? (() => crypto.randomUUID());
  const solve = (query: string | Query, solveOptions: SolveOptions = {}): Promise<SolveResult> =>
    solveWith(parts, newId, query, solveOptions);
  return {
    solve,
    stream: (query, solveOptions = {}) =>
      streamOf((listen, abortSignal) => solve(query, { ...solveOptions, onEvent: listen, abortSignal }), solveOptions),
    with: (changes) => createFlow({ ...options, ...changes }),
  };
};

const partsOf = (options: FlowOptions): FlowParts => {
  const { model } = options;
  const planner = options.planner ?? (model === undefined ? undefined : chatPlanner(model));
  if (typeof planner !== "function")
    throw new ConfigError(
      "createFlow needs a planner, modelPlanner(policy) or a function (state, context) => plan, or a model for all modules.",
    );
  const redact = redactorOf(options);
  const tools = redact === undefined ? options.tools : redactedTools(options.tools, redact);
  for (const [name, tool] of Object.entries(tools)) {
    if (!/^[A-Za-z_][\w-]*$/u.test(name))
      throw new ConfigError(`A tool is called "${name}": use letters, digits, _ and -.`);
    if (typeof tool?.execute !== "function" || typeof tool.inputSchema !== "object")
      throw new ConfigError(`The tool "${name}" needs an inputSchema and a function execute.`);
  }
  const { toolTimeoutSeconds = 30, stopWhen = [], loopDetectors = [repeatedCall(), noProgress()] } = options;
  const budget = {
    turns: 10,
    tokens: 100_000,
    seconds: 600,
    calls: 100,
    dollars: Number.POSITIVE_INFINITY,
    toolDollars: Number.POSITIVE_INFINITY,
    ...options.budget,
  };
  for (const [name, value] of Object.entries({ ...budget, toolTimeoutSeconds })) {
    if (!(value > 0)) throw new ConfigError(`${name} is ${value}: it must be a number above 0.`);
  }
  return {
    analyst: options.analyst ?? ruleAnalyst(),
    planner,
    executor: options.executor ?? (model === undefined ? ruleExecutor() : modelExecutor(model)),
    verifier: options.verifier ?? (model === undefined ? ruleVerifier() : modelVerifier(model)),
    generator: options.generator ?? (model === undefined ? ruleGenerator() : modelGenerator(model)),
    tools,
    stopConditions: [answered(), ...stopWhen, ...loopDetectors],
    budget,
    clock: options.clock ?? systemClock,
    toolTimeoutSeconds,
    toolApproval: options.toolApproval,
    onStepEnd: options.onStepEnd,
    instructions:
      options.instructions === undefined ? undefined : (redact?.(options.instructions) ?? options.instructions),
    grants: options.grants,
    tracing: options.tracing,
    replies: options.replies,
    experience: options.experience,
    redact,
  };
};

const redactorOf = ({ secrets = [], model, tools }: FlowOptions): Redactor | undefined => {
  const held = [model, ...Object.values(tools)].flatMap((one) => one?.secrets?.() ?? []);
  const all = [...secrets, ...held].filter((secret) => typeof secret === "string" && secret !== "");
  return all.length === 0 ? undefined : redactor(all);
};

/** What a tool says of itself may come from outside too, such as from an MCP server. */
const redactedTools = (tools: Toolset, redact: Redactor): Toolset =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      const { description, metadata, inputSchema } = tool ?? {};
      const said = { description, metadata, ...(inputSchema && !("~standard" in inputSchema) ? { inputSchema } : {}) };
      const clean = redact.value(said);
      const known = redact(name);
      return [known === name ? name : known.replace(/[^\w-]/g, "_"), clean === said ? tool : { ...tool, ...clean }];
    }),
  ) as Toolset;

const turnLimitOf = (parts: FlowParts, { turnLimit = parts.budget.turns }: Query): number => {
  if (!Number.isInteger(turnLimit) || turnLimit < 1)
    throw new ConfigError(`turnLimit is ${turnLimit}: it must be a whole number above 0.`);
  return parts.stopConditions.reduce((limit, { turns = limit }) => Math.min(limit, turns), turnLimit);
};

const solveWith = async (
  parts: FlowParts,
  newId: () => string,
  input: string | Query,
  options: SolveOptions,
): Promise<SolveResult> => {
  const id = options.id ?? newId();
  // A copy: whatever else the caller's object holds, such as a sealed answer, stays behind.
  const asked: Query = typeof input === "string" ? { id, question: input } : queryOf(input);
  const query = parts.redact === undefined ? asked : parts.redact.value(asked);
  if (typeof query.question !== "string" || query.question.trim() === "")
    throw new ConfigError("The question is empty.");
  const started = parts.clock.now();
  const usage = {
    turns: 0,
    promptTokens: 0,
    cachedTokens: 0,
    sampledTokens: 0,
    calls: 0,
    dollars: 0,
    toolDollars: 0,
    seconds: 0,
  };
  const grants = narrow(parts.grants, options.grants);
  const trace = parts.tracing === undefined ? undefined : traceSolve(parts.tracing, id);
  const run: Run = {
    query,
    id,
    randomKey: options.randomKey ?? randomKey("solve", id),
    versions: options.versions ?? {},
    turnLimit: turnLimitOf(parts, query),
    interruption: new Interruption(parts.clock, parts.budget.seconds, options.abortSignal),
    emit: listenersOf(options.onEvent, trace?.onEvent),
    usage,
    tools: granted(parts.tools, grants),
    grants,
    meter: new SolveMeter(parts.budget, usage, options.meter),
  };
  try {
    const outcome = await runLoop(parts, run);
    parts.redact?.error(outcome.error);
    run.usage.seconds = (parts.clock.now() - started) / 1000;
    Object.freeze(run.usage);
    const result = resultOf(run, outcome);
    if (run.emit !== undefined) announce(run.emit, result);
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
  one: ((event: FlowEvent) => void) | undefined,
  other: ((event: FlowEvent) => void) | undefined,
): ((event: FlowEventBody) => void) | undefined => {
  if (one === undefined || other === undefined) {
    const only = one ?? other;
    return only === undefined ? undefined : numbered(only);
  }
  return numbered((event) => {
    one(event);
    other(event);
  });
};

const numbered = (listen: (event: FlowEvent) => void): ((event: FlowEventBody) => void) => {
  let sequence = 0;
  let finished = false;
  return (event) => {
    // A model that takes no notice of an abort may still write: nobody is told after the last event.
    if (finished) return;
    finished = event.type === "finish";
    // Each body is made for this one event: numbering it in place spares a copy.
    listen(Object.assign(event, { sequence: sequence++ }));
  };
};

const announce = (emit: (event: FlowEventBody) => void, result: SolveResult): void => {
  const { status, stopReason, usage, trajectory } = result;
  const { answer, solution } = trajectory;
  if (answer !== undefined) emit({ type: "answer-delta", text: answer });
  emit({
    type: "finish",
    status,
    stopReason,
    usage,
    ...(answer === undefined ? {} : { answer }),
    ...(solution === undefined ? {} : { solution }),
  });
};

const resultOf = ({ id, query, usage }: Run, outcome: Outcome): SolveResult => {
  const { analysis, memory, turns, answer, solution, error } = outcome;
  const stopReason = outcome.stopReason === "answered" && answer === undefined ? "no-answer" : outcome.stopReason;
  const status = error !== undefined ? "failed" : stopReason === "answered" ? "solved" : "partial";
  const trajectory: Trajectory = Object.freeze({
    schemaVersion: 1,
    id,
    query: Object.freeze({ id: query.id, question: query.question }),
    analysis: Object.freeze(analysis),
    memory: Object.freeze(memory),
    turns: Object.freeze(turns),
    ...(answer === undefined ? {} : { answer }),
    ...(solution === undefined ? {} : { solution }),
    status,
    stopReason,
    ...(error === undefined ? {} : { failure: error.message }),
  });
  if (error !== undefined) return { status: "failed", error, stopReason, usage, trajectory };
  const ended = { stopReason, usage, trajectory, ...(solution === undefined ? {} : { solution }) };
  if (answer === undefined) return { status: "partial", ...ended };
  return status === "solved" ? { status, answer, ...ended } : { status: "partial", answer, ...ended };
};
