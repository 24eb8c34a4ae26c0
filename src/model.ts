import type { Meter } from "./budget.ts";
import type { Grammar } from "./grammar.ts";
import { number, oneOf, required, ruleOf } from "./options.ts";
import type { RandomKey } from "./random.ts";
import type { Redactor } from "./secrets/redact.ts";

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  /** @default 256 */
  readonly maxTokens?: number;
  /** @default 0 */
  readonly temperature?: number;
  readonly topP?: number;
  /** Texts that end the reply; they are not part of it. */
  readonly stop?: readonly string[];
  readonly randomKey?: RandomKey;
  /** What the reply's text is held to, by models that can; others take no notice, so a reply is parsed all the same. */
  readonly grammar?: Grammar;
  /** Tools of which a model that calls tools natively is to call one: the reply's text is then `{"name", "arguments"}`. */
  readonly tools?: readonly OfferedTool[];
  /** Asks for the sampled token ids and their log-probabilities, of models that have them. @default false */
  readonly logProbs?: boolean;
  /** Streams the text while it is made. What counts is the reply's text: a try that failed may have streamed a beginning. */
  readonly onText?: (delta: string) => void;
  readonly abortSignal?: AbortSignal;
  /** Takes secrets out of what the model or its endpoint says, before it is cut, kept or streamed. */
  readonly redact?: Redactor | undefined;
  /** Told of a reply that is thrown away before the model is asked again, which it may forbid by throwing. */
  readonly meter?: Meter | undefined;
}

/** A tool as a model sees it. */
export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its input. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface ChatReply {
  readonly text: string;
  readonly promptTokens: number;
  readonly sampledTokens: number;
  /** Of the prompt tokens, those that the model had in its cache. */
  readonly cachedTokens?: number;
  /** What the call cost, in US dollars, of a model with a price. */
  readonly dollars?: number;
  /** Ended by itself or at `maxTokens`. */
  readonly finish?: "stop" | "length";
  /** Sampled tokens, where they were asked for and the model offers them. `ids` may be missing where only texts come. */
  readonly tokens?: { readonly ids?: readonly number[]; readonly logProbs: readonly number[] };
  /** The model that answered, as it calls itself. */
  readonly model?: string;
}

/** A model or a tool that was given keys. */
export interface SecretHolder {
  /** The keys: a flow takes them out of everything. A function, so that nothing prints them. @default none */
  readonly secrets?: () => readonly string[] | Promise<readonly string[]>;
}

/** The door to a frozen model: text in, text out. Throws `ModelError`. */
export interface ChatModel extends SecretHolder {
  readonly id: string;
  /**
   * How its prompts are best written: tagged plain text for small models, JSON for large ones, and for those that call
   * tools natively calls, which a planner then writes whole. @default "tagged"
   */
  readonly promptStyle?: PromptStyle;
  /** Whether its tokens have a price, if only that they are free: a budget in dollars needs one. @default what its replies say */
  readonly priced?: boolean;
  complete(request: ChatRequest): Promise<ChatReply>;
}

export type PromptStyle = "tagged" | "json" | "tools";

/** Price of a model, in US dollars for a million tokens. */
export interface Price {
  readonly prompt: number;
  /** @default that of the prompt */
  readonly cached?: number;
  readonly sampled: number;
}

export const promptStyleRule = oneOf("tagged", "json", "tools");
export const priceRule = ruleOf<Price>({ prompt: required(number()), cached: number(), sampled: required(number()) });
