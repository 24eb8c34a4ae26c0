import { type Budget, budget } from "./budget.ts";
import { grants } from "./grants.ts";
import { type ChatModel, type Price, type PromptStyle, priceRule, promptStyleRule } from "./model.ts";
import type { Analyst } from "./module.ts";
import {
  callback,
  count,
  either,
  listOf,
  name,
  number,
  objectWith,
  oneOf,
  type Rule,
  type Rules,
  required,
  ruleOf,
  text,
} from "./options.ts";
import type { Reward, Task } from "./task.ts";
import { type Grants, type Tools, toolset } from "./tool.ts";

/** A model behind an OpenAI-compatible address. */
export interface EndpointSettings {
  /** Any OpenAI-compatible endpoint, up to and with `/v1`. */
  readonly baseURL: string;
  readonly model: string;
  /**
   * Variable of the environment that holds the key. A key is sent to no address that it was not named for.
   * @default "OPENAI_API_KEY" for OpenAI or OPENAI_BASE_URL, "AGENTFLOW_API_KEY" for AGENTFLOW_BASE_URL, else none
   */
  readonly keyFrom?: string;
  readonly price?: Price;
  readonly promptStyle?: PromptStyle;
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
}

/** A model as a configuration names it. Keys never stand in it: they come from the environment. */
export type ModelSettings =
  | ChatModel
  /** `openai:gpt-5-mini`, `local:<folder, GGUF file or pulled model>`, `replay:<file>`, or a name at OPENAI_BASE_URL. */
  | string
  | EndpointSettings
  /** Any model of the AI SDK (LanguageModel V2, V3 or V4). */
  | { readonly specificationVersion: string; readonly provider: string; readonly modelId: string };

export const roleNames = ["analyst", "planner", "executor", "verifier", "generator"] as const;
export type RoleName = (typeof roleNames)[number];

/** What `agentflow.config.ts` exports: which model plays which role, which tools, and the tasks to learn. */
export interface AgentFlowConfig<Sealed = unknown> {
  /** Of all roles that name none. @default the built-in planner, and rules */
  readonly model?: ModelSettings;
  readonly roles?: Partial<Readonly<Record<RoleName, ModelSettings | "rules">>>;
  readonly tools?: Tools;
  /** Reads a question: its entities (q1, q2, …), what is asked for. @default rules for English, `ruleAnalyst` */
  readonly analyst?: Analyst;
  readonly instructions?: string;
  readonly budget?: Budget;
  readonly grants?: Grants;
  readonly tasks?: TaskSource<Sealed>;
  /** @default equality with `sealed.answer` after normalising numbers, dates and spelling */
  readonly reward?: Reward<Sealed>;
  /** Folder of a memory across tasks; off when absent. */
  readonly experience?: string;
}

/** Tasks: a list, which is split by hash, or a generator of variations. `seed` decides everything that is random. */
export type TaskSource<Sealed = unknown> =
  | readonly Task<Sealed>[]
  | ((options: { readonly seed: number }) => readonly Task<Sealed>[] | Promise<readonly Task<Sealed>[]>);

const endpoint: Rules<EndpointSettings> = {
  baseURL: required(name),
  model: required(name),
  keyFrom: name,
  price: priceRule,
  promptStyle: promptStyleRule,
  temperature: number(),
  topP: number({ above: 0, most: 1 }),
  maxTokens: count,
};

/** A model by its name, by an endpoint, or as an object that answers: of ours or of the AI SDK. */
const modelRule: Rule = (value, option) => {
  if (typeof value === "string") return name(value, option);
  if (typeof value === "object" && value !== null && ("complete" in value || "specificationVersion" in value)) return;
  ruleOf(endpoint)(value, option);
};

const roleRules = Object.fromEntries(roleNames.map((role) => [role, either(oneOf("rules"), modelRule)])) as Record<
  RoleName,
  Rule
>;

const configRules: Rules<AgentFlowConfig> = {
  model: modelRule,
  roles: ruleOf<Record<RoleName, unknown>>(roleRules),
  tools: toolset,
  analyst: callback,
  instructions: text,
  budget,
  grants,
  tasks: either(callback, listOf(objectWith("a task with id, question and sealed"))),
  reward: callback,
  experience: name,
};

/** What a configuration may say, and how. */
export const configRule = ruleOf(configRules);

/**
 * Keeps the types of a configuration, and checks it. Throws `ConfigError`.
 *
 * @example
 * ```ts
 * import { defineConfig } from "agentflow";
 * import { calculate } from "agentflow/tools";
 *
 * export default defineConfig({ model: "openai:gpt-5-mini", tools: { calculate }, budget: { turns: 6 } });
 * ```
 */
export const defineConfig = <Sealed = unknown>(config: AgentFlowConfig<Sealed>): AgentFlowConfig<Sealed> => {
  configRule(config, "defineConfig");
  return config;
};
