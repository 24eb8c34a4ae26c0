import type { Spent } from "./usage.ts";

/** Every error that AgentFlow throws on purpose. `message` says what was received, what is accepted and what to do. */
export class AgentFlowError extends Error {
  override readonly name: string = "AgentFlowError";
}

/** The caller's settings cannot work: a wrong option, an impossible combination, an unwritable folder. */
export class ConfigError extends AgentFlowError {
  override readonly name = "ConfigError";
}

export interface ToolErrorOptions extends ErrorOptions {
  /** The same call may succeed later: a service that is busy or cannot be reached. A flow lets it be made again. @default false */
  readonly retryable?: boolean;
}

/** A tool could not do what it was asked: bad arguments, nothing found, a time-out. The planner sees the message. */
export class ToolError extends AgentFlowError {
  override readonly name = "ToolError";
  readonly retryable: boolean;

  constructor(message: string, { retryable = false, ...options }: ToolErrorOptions = {}) {
    super(message, options);
    this.retryable = retryable;
  }
}

export interface ModelErrorOptions extends ErrorOptions {
  /** The same request may succeed later: a time-out, a server that is busy, a reply that broke off. @default false */
  readonly retryable?: boolean;
  /** HTTP status of the reply, if there was one. */
  readonly status?: number;
  /** How long the server asked to be left alone. */
  readonly retryAfterSeconds?: number;
  /** What was paid for nonetheless: a reply that was thrown away. */
  readonly usage?: Spent;
}

/** A language model could not be reached or gave no usable reply. */
export class ModelError extends AgentFlowError {
  override readonly name = "ModelError";
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly usage: Spent | undefined;

  constructor(
    message: string,
    { retryable = false, status, retryAfterSeconds, usage, ...options }: ModelErrorOptions = {},
  ) {
    super(message, options);
    this.usage = usage;
    this.retryable = retryable;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A limit of a budget is reached: what was to be called next was not called. */
export class BudgetError extends AgentFlowError {
  override readonly name = "BudgetError";
}

/** The sandbox: it cannot be started, it is not safe here, or it died. What the code inside it does is not a `SandboxError`. */
export class SandboxError extends AgentFlowError {
  override readonly name = "SandboxError";
}

/** The engine: a runtime that is missing, a graph that does not run, a number that is not finite. */
export class EngineError extends AgentFlowError {
  override readonly name = "EngineError";
}

/** Files of a run or a model: missing, damaged, from another version. */
export class StoreError extends AgentFlowError {
  override readonly name = "StoreError";
}

/** Tasks or their data: a record that cannot be read, a world file that is damaged. */
export class TaskError extends AgentFlowError {
  override readonly name = "TaskError";
}

/** Statuses of HTTP after which the same request may succeed. */
export const retryableStatus = (status: number): boolean =>
  status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;

/** The text of anything thrown, for one-line messages. Of an object without a message only the names: values may be keys. */
export const messageOf = (thrown: unknown): string => {
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  try {
    const { message } = thrown as Partial<Error>;
    return typeof message === "string"
      ? message
      : `an object with ${Object.keys(thrown).join(", ") || "nothing in it"}`;
  } catch {
    return "an object that cannot be read";
  }
};
