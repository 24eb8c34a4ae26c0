import type { StandardSchemaV1 } from "@standard-schema/spec";

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
}

export interface ToolContext {
  readonly abortSignal: AbortSignal;
}

/**
 * A tool, in the shape of the AI SDK, so that theirs drop in. `execute` may return a `ToolOutput`, a string or any
 * serialisable value. What it throws becomes an observation that the planner sees.
 */
export interface Tool<Input = never> {
  readonly description: string;
  /** Standard Schema (zod, valibot, …) or a plain JSON Schema. */
  readonly inputSchema: StandardSchemaV1<unknown, Input> | JsonSchema;
  readonly execute: (input: Input, context: ToolContext) => unknown;
}

/** A tool whatever its input: what code that handles tools by name gets. */
export type AnyTool = Omit<Tool, "inputSchema"> & { readonly inputSchema: StandardSchemaV1 | JsonSchema };

export type Toolset = Readonly<Record<string, AnyTool>>;

/** Keeps the input type between schema and execute. */
export const tool = <Input>(definition: Tool<Input>): Tool<Input> => definition;
