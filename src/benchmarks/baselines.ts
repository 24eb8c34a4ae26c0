import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { ExperienceStore } from "../experience.ts";
import type { FlowOptions } from "../flow/flow.ts";
import {
  experiencedPlanner,
  type ModelPlannerOptions,
  modelPlanner,
  ruleExecutor,
  ruleVerifier,
  turnCount,
} from "../flow/index.ts";
import { knownFields, readable } from "../learn/planners/candidates.ts";
import { metered } from "../metered.ts";
import type { ChatModel } from "../model.ts";
import type { Generator, Planner, Verifier } from "../module.ts";
import { listOf, objectWith, text } from "../options.ts";
import { finalAnswer } from "../tasks/index.ts";
import { metadataOf, tool, toolset, toolsetOf } from "../tool.ts";
import { stepOf } from "../trajectory.ts";

/** What a planner is compared with, and what each is. */
export const baselines = {
  "model-alone": "the model answers by itself, in one call and without tools",
  react: "one model reasons, calls the tools and answers (ReAct)",
  "fixed-order": "the same tools in the same order for every question (--tools names the order)",
  untrained: "the planner before any training; what was trained is not used",
  "flow-grpo": "the planner that Flow-GRPO trained (--policy, else the newest run here, else the one that is shipped)",
  "offline-sft": "the planner that imitated solved plans offline (--policy: a run of agentflow sft)",
  "large-planner": "a larger model that was not trained plans (--planner), the other modules stay",
  experience: "the untrained planner, shown what solved earlier tasks like this one (--experience)",
} as const;

export type BaselineName = keyof typeof baselines;
export const baselineNames = Object.keys(baselines) as BaselineName[];

const aModel = objectWith("a chat model", "complete");

/** Throws `ConfigError` for what is not the options of a flow. */
const checkFlow = (flow: FlowOptions, of: string): void => {
  objectWith("the options of a flow")(flow, of);
  toolset(flow.tools, `${of}: tools`);
};

/** The end of a trajectory as the answer: what its last result says. */
const lastResult: Generator = ({ memory }) => {
  const observation = memory.at(-1)?.observation;
  return observation?.status === "ok" ? observation.text : undefined;
};

const ALONE = "answer";
const ALONE_TOKENS = 2048;

/**
 * A flow in which a model answers by itself: one call, no tool, and of its reply what stands in `<answer>`.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { modelAlone } from "agentflow/benchmarks";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const result = await createFlow(modelAlone({ tools: {} }, model)).solve("What is the capital of Ghana?");
 * ```
 */
export const modelAlone = (flow: FlowOptions, model: ChatModel): FlowOptions => {
  checkFlow(flow, "modelAlone: the flow");
  aModel(model, "modelAlone: the model");
  const answer = tool<{ question: string }>({
    description: "Answers by itself.",
    inputSchema: { type: "object", properties: { question: { type: "string" } }, required: ["question"] },
    execute: async ({ question }, { abortSignal, meter, redact }) => {
      const { text } = await metered(model, meter, redact).complete({
        messages: [
          {
            role: "system",
            content:
              "Answer the question. Reason as long as you need to, then write the answer alone between <answer> and </answer>.",
          },
          { role: "user", content: question },
        ],
        maxTokens: ALONE_TOKENS,
        abortSignal,
      });
      return { text: finalAnswer(text), fields: {} };
    },
  });
  return {
    ...withoutModules(flow),
    tools: { [ALONE]: answer },
    planner: ({ query }) => ({ step: stepOf(`${ALONE} ${JSON.stringify({ question: query.question })}`) }),
    executor: ruleExecutor(),
    verifier: stopsAt(() => true),
    generator: lastResult,
    toolTimeoutSeconds: flow.budget?.seconds ?? 600,
  };
};

/** The tool by which a single policy ends a task. */
export const FINISH = "final_answer";

/**
 * A flow with a single policy in the manner of ReAct: one model thinks, writes each call and ends by calling
 * `final_answer`. There is no analyst, no judge of memory and no generator beside it. A solve that does not end with that
 * call has no answer. The model may be a policy: `flowGrpo` then trains the single policy on the reward of its own answers.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { react } from "agentflow/benchmarks";
 * import { openaiCompatible } from "agentflow/models";
 * import { calculate } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const result = await createFlow(react({ tools: { calculate } }, model)).solve("What is 17 * 23?");
 * ```
 */
export const react = (flow: FlowOptions, model: ChatModel | Policy, options: ModelPlannerOptions = {}): FlowOptions => {
  checkFlow(flow, "react: the flow");
  return {
    ...withoutModules(flow),
    tools: { ...toolsetOf(flow.tools), [FINISH]: finishing },
    planner: modelPlanner(model, options),
    executor: ruleExecutor(),
    ...singlePolicy(),
  };
};

/** Ends a task with the answer that it is given. */
export const finishing = tool<{ answer: string }>({
  description: "Ends the task: the answer alone, a number, date or name, without unit and without a sentence.",
  inputSchema: { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] },
  execute: ({ answer }) => ({ text: answer, fields: {} }),
});

/** Who stands beside a single policy: nobody judges when to stop, and nobody else writes the answer. */
export const singlePolicy = (): { readonly verifier: Verifier; readonly generator: Generator } => ({
  verifier: stopsAt((called) => called === FINISH),
  generator: (state, context) => (state.memory.at(-1)?.call?.tool === FINISH ? lastResult(state, context) : undefined),
});

/** A verifier whose second gate looks at nothing but which tool was called. */
const stopsAt = (isEnd: (called: string) => boolean): Verifier => {
  const { admit } = ruleVerifier();
  return {
    admit,
    judge: (step, { status }) =>
      status === "ok" && isEnd(step.tool)
        ? { decision: "stop", reason: "The answer was given." }
        : { decision: "continue", reason: "No answer was given yet." },
  };
};

/** Modules of somebody else do not take part. */
const withoutModules = ({ analyst, planner, executor, verifier, generator, familiarity, ...rest }: FlowOptions) => rest;

/**
 * A flow whose planner calls the tools of a list in this order, whatever the question: a tool that takes an address gets the
 * first one that was found and not read, any other one the whole question. The other modules stay, so the verifier may end
 * it earlier.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { toolOrder } from "agentflow/benchmarks";
 * import { openaiCompatible } from "agentflow/models";
 * import { webPage, wikipediaSearch } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const tools = { wikipedia_search: wikipediaSearch(), web_page: webPage() };
 * const flow = createFlow(toolOrder({ model, tools }, ["wikipedia_search", "web_page"]));
 * ```
 */
export const toolOrder = (flow: FlowOptions, order: readonly string[]): FlowOptions => {
  checkFlow(flow, "toolOrder: the flow");
  listOf(text)(order, "toolOrder: the order");
  const tools = toolsetOf(flow.tools);
  const missing = order.find((name) => !Object.hasOwn(tools, name));
  if (missing !== undefined || order.length === 0)
    throw new ConfigError(
      `${missing === undefined ? "The order of tools is empty" : `There is no tool "${missing}"`}: accepted are ${Object.keys(tools).join(", ")}, in any order and as often as wanted.`,
    );
  const planner: Planner = (state) => {
    const name = order[state.turn - 1] ?? order.at(-1) ?? "";
    const takesAddress = metadataOf(state.tools, name)?.takes === "address";
    const address = takesAddress ? readable(state, name, knownFields(state))[0] : undefined;
    return { step: stepOf(`${name} ${address ?? "q"}`) };
  };
  return { ...flow, planner, stopWhen: [...(flow.stopWhen ?? []), turnCount(order.length)] };
};

/**
 * A flow whose planner is shown what was done on earlier tasks like the question. A planner by a chat model has a place for
 * that in its prompt; any other one follows the plan that solved the most similar task (`experiencedPlanner`). Nothing is
 * added while it solves, so the order of the questions does not matter.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { withExperience } from "agentflow/benchmarks";
 * import { openaiCompatible } from "agentflow/models";
 * import { openExperience } from "agentflow/store";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow(withExperience({ model, tools: {} }, await openExperience("./experience"), model));
 * ```
 */
export const withExperience = (
  flow: FlowOptions,
  store: ExperienceStore,
  planning: ChatModel | undefined,
): FlowOptions => {
  checkFlow(flow, "withExperience: the flow");
  objectWith("a memory across tasks", "retrieve", "record")(store, "withExperience: the store");
  return planning !== undefined || flow.planner === undefined
    ? { ...flow, experience: { store } }
    : { ...flow, planner: experiencedPlanner(flow.planner), experience: { store } };
};
