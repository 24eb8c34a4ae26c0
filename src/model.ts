import type { Grammar } from "./grammar.ts";
import type { RandomKey } from "./random.ts";

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
  readonly randomKey?: RandomKey;
  /** What the reply's text is held to, by models that can; others take no notice, so a reply is parsed all the same. */
  readonly grammar?: Grammar;
  readonly abortSignal?: AbortSignal;
}

export interface ChatReply {
  readonly text: string;
  readonly promptTokens: number;
  readonly sampledTokens: number;
}

/** The door to a frozen model: text in, text out. Throws `ModelError`. */
export interface ChatModel {
  readonly id: string;
  complete(request: ChatRequest): Promise<ChatReply>;
}
