import { type Budget, budget, type Meter } from "../budget.ts";
import type { Clock } from "../clock.ts";
import type { FlowEvent } from "../event.ts";
import type { ExperienceStore } from "../experience.ts";
import type { Familiarity } from "../familiarity.ts";
import { grants } from "../grants.ts";
import type { ChatModel } from "../model.ts";
import type { Analyst, Executor, FlowState, Generator, Planner, Verifier } from "../module.ts";
import {
  abortSignal,
  anything,
  callback,
  count,
  listOf,
  name,
  number,
  objectWith,
  oneOf,
  type Rules,
  recordOf,
  required,
  ruleOf,
  seconds,
  text,
} from "../options.ts";
import type { RandomKey } from "../random.ts";
import type { ReplyLog } from "../reply-log.ts";
import type { Query, Utterance } from "../task.ts";
import { type Grants, type Tools, toolset } from "../tool.ts";
import type { Analysis, MemoryEntry, ToolCall, Trajectory } from "../trajectory.ts";
import type { StopCondition } from "./stop-condition.ts";
import type { TraceApi } from "./tracing.ts";

export interface FlowOptions {
  /** The default for all four modules. One of `model` and `planner` is needed. */
  readonly model?: ChatModel;
  /** @default modelPlanner(model) */
  readonly planner?: Planner;
  /** By name. Those of the AI SDK (`tool()` of `ai`) work as they are. */
  readonly tools: Tools;
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
  /** Keys and passwords that are taken out of all that tools bring, before anyone sees it. @default [] */
  readonly secrets?: readonly string[];
  /**
   * A memory across tasks: earlier tasks that resemble the question are shown to a planner in natural language, in a slot of
   * their own (`openExperience` of `agentflow/store`). With `source` each solve is added to it. @default none
   */
  readonly experience?: { readonly store: ExperienceStore; readonly limit?: number; readonly source?: string };
  /**
   * What the planner was trained on (`familiarityOf`). A question that is unlike it is answered all the same, but not as
   * solved: the rules stop at any value of the asked kind, and know nothing else of whether it is right. Leave it out where
   * a model judges. @default every question is familiar
   */
  readonly familiarity?: Familiarity;
  /** The module `@opentelemetry/api`: each solve becomes spans by the GenAI conventions. @default no traces */
  readonly tracing?: TraceApi;
  /** Keeps the replies of tools, for a solve that is done again by its id: `openReplies` of `agentflow/store`. @default none */
  readonly replies?: ReplyLog;
  /** Called after each turn with its entry of memory; the flow waits for it. */
  readonly onStepEnd?: (entry: MemoryEntry) => void | Promise<void>;
  /** Instructions for every model-backed module. */
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
  /** Turns of another solve of the same question: this one continues after them. @default from the beginning */
  readonly from?: Pick<Trajectory, "memory" | "turns">;
  /** The caller's budget, of a solve inside another one: what is used here is used there. */
  readonly meter?: Meter;
}

/** What each option of a flow accepts. */
export const flowRules: Rules<FlowOptions> = {
  model: objectWith("a chat model", "complete"),
  planner: callback,
  tools: required(toolset),
  executor: objectWith("an executor", "write", "run"),
  verifier: objectWith("a verifier", "admit", "judge"),
  generator: callback,
  analyst: callback,
  stopWhen: listOf(callback),
  loopDetectors: listOf(callback),
  budget,
  toolTimeoutSeconds: seconds,
  toolApproval: callback,
  grants,
  secrets: listOf(text),
  experience: ruleOf<NonNullable<FlowOptions["experience"]>>({
    store: required(objectWith("a memory across tasks", "retrieve", "record")),
    limit: count,
    source: name,
  }),
  familiarity: ruleOf<Familiarity>({ of: required(callback), least: required(number({ most: 1 })) }, { others: "any" }),
  tracing: objectWith("the module @opentelemetry/api"),
  replies: objectWith("a log of replies", "open"),
  onStepEnd: callback,
  instructions: text,
  clock: objectWith("a clock", "now", "after"),
  newId: callback,
};

const analysisRule = ruleOf<Analysis>(
  { entities: required(listOf(text)), unit: text, template: required(text) },
  { others: "any" },
);

/** An analyst of somebody else's making, which throws `ConfigError` where what it returns is no analysis. */
export const checkedAnalyst =
  (analyst: Analyst): Analyst =>
  async (query, context) => {
    const analysis = await analyst(query, context);
    analysisRule(analysis, "What the analyst returned");
    return analysis;
  };

/** What each option of a solve accepts. */
export const solveRules: Rules<SolveOptions> = {
  id: name,
  randomKey: ruleOf<RandomKey>({ high: required(number()), low: required(number()) }),
  abortSignal,
  versions: recordOf(text),
  onEvent: callback,
  grants,
  from: ruleOf<Pick<Trajectory, "memory" | "turns">>(
    { memory: required(listOf(objectWith("an entry"))), turns: required(listOf(objectWith("a turn"))) },
    { others: "any" },
  ),
  meter: objectWith("a meter", "charge", "check"),
};

/** What a query may be: only these fields reach a flow, whatever else the object holds, such as a sealed answer. */
export const queryRule = ruleOf<Query>(
  {
    id: required(text),
    question: required(text),
    turnLimit: anything,
    conversation: listOf(
      ruleOf<Utterance>({ role: required(oneOf("system", "user", "assistant")), text: required(text) }),
    ),
  },
  { others: "any" },
);
