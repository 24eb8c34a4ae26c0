import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Meter } from "./budget.ts";
import type { Redactor } from "./redact.ts";

/** A plain JSON Schema (the subset that tools use: object, properties, required, type, enum). */
export type JsonSchema = { readonly [key: string]: unknown };

/** One value that an observation states and that later calls can refer to, as `@2.country`. */
export interface Field {
  readonly kind: "text" | "number" | "date" | "address";
  /** A number for kind `number`; else text. Dates are ISO 8601 (`2024-02-29`). */
  readonly value: string | number;
  /** Unit of a number, in the singular or as a symbol: `day`, `ft`, `km`, `u`. */
  readonly unit?: string;
  /** What a bounded rendering shows beside the name, such as the kind of page behind an address. */
  readonly label?: string;
}

/** What a tool gives back: readable text for people and large models, fields for references. */
export interface ToolOutput {
  readonly text: string;
  readonly fields?: Readonly<Record<string, Field>>;
  /** Where it comes from, such as an address. */
  readonly source?: string;
  /** Whether people outside may have written the text: it may say things, but it allows nothing. @default "trusted" */
  readonly trust?: Trust;
}

export type Trust = "trusted" | "untrusted";

/** What one run allows. What is left out is not limited by it. */
export interface Grants {
  /** Names of the tools that may be called. */
  readonly tools?: readonly string[];
  /** Hosts that may be reached: `example.org`, or `*.example.org` for all below it. */
  readonly hosts?: readonly string[];
  /** Folders whose files may be read. */
  readonly folders?: readonly string[];
}

export interface ToolContext {
  readonly abortSignal: AbortSignal;
  /** The solve's budget, for tools that ask models or cost money. */
  readonly meter?: Meter;
  readonly grants?: Grants;
  /** Takes secrets out of a text. The flow does so with all that a tool gives back: a tool that cuts texts does it before. */
  readonly redact?: Redactor;
}

/** What planners and people are told of a tool beside its description. */
export interface ToolMetadata {
  /** What it cannot do. */
  readonly limits?: string;
  /** When to take it. */
  readonly bestUse?: string;
  /** Inputs that it takes well, each with what it is for. */
  readonly examples?: readonly { readonly input: Readonly<Record<string, unknown>>; readonly for: string }[];
}

/**
 * A tool, in the shape of the AI SDK, so that theirs drop in. `execute` may return a `ToolOutput`, a string or any
 * serialisable value. What it throws becomes an observation that the planner sees.
 */
export interface Tool<Input = never> {
  readonly description: string;
  /** Standard Schema (zod, valibot, …) or a plain JSON Schema. */
  readonly inputSchema: StandardSchemaV1<unknown, Input> | JsonSchema;
  readonly metadata?: ToolMetadata;
  /** Whether each call must be approved (`toolApproval`): of tools that change the world. @default false */
  readonly needsApproval?: boolean;
  /** Deadline of a call. @default the flow's */
  readonly timeoutSeconds?: number;
  /** The keys that it was given: a flow takes them out of everything. A function, so that nothing prints them. */
  readonly secrets?: () => readonly string[];
  /** A call that shows whether the tool works here, and what it costs nothing to ask: `agentflow doctor` makes it. */
  readonly check?: (context: ToolContext) => Promise<string>;
  readonly execute: (input: Input, context: ToolContext) => unknown;
}

/** A tool whatever its input: what code that handles tools by name gets. */
export type AnyTool = Omit<Tool, "inputSchema"> & { readonly inputSchema: StandardSchemaV1 | JsonSchema };

export type Toolset = Readonly<Record<string, AnyTool>>;

/** Keeps the input type between schema and execute. */
export const tool = <Input>(definition: Tool<Input>): Tool<Input> => definition;
