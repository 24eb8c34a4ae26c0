import type { Budget } from "./budget.ts";
import type { ChatModel, Price, PromptStyle } from "./model.ts";
import type { Reward, Task } from "./task.ts";
import type { Grants, Toolset } from "./tool.ts";

/** A model as a configuration names it. Keys never stand in it: they come from the environment. */
export type ModelSettings =
  | ChatModel
  /** `openai:gpt-5-mini`, `local:<folder, GGUF file or pulled model>`, `replay:<file>`, or a name at OPENAI_BASE_URL. */
  | string
  | {
      /** Any OpenAI-compatible endpoint, up to and with `/v1`. */
      readonly baseURL: string;
      readonly model: string;
      /** Variable of the environment that holds the key. @default "OPENAI_API_KEY" */
      readonly keyFrom?: string;
      readonly price?: Price;
      readonly promptStyle?: PromptStyle;
      readonly temperature?: number;
      readonly topP?: number;
      readonly maxTokens?: number;
    }
  /** Any model of the AI SDK (LanguageModel V2, V3 or V4). */
  | { readonly specificationVersion: string; readonly provider: string; readonly modelId: string };

export const roleNames = ["analyst", "planner", "executor", "verifier", "generator"] as const;
export type RoleName = (typeof roleNames)[number];

/** What `agentflow.config.ts` exports: which model plays which role, which tools, and the tasks to learn. */
export interface AgentFlowConfig<Sealed = unknown> {
  /** Of all roles that name none. @default the built-in planner, and rules */
  readonly model?: ModelSettings;
  readonly roles?: Partial<Readonly<Record<RoleName, ModelSettings | "rules">>>;
  readonly tools?: Toolset;
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

/** Keeps the types of a configuration. */
export const defineConfig = <Sealed = unknown>(config: AgentFlowConfig<Sealed>): AgentFlowConfig<Sealed> => config;
