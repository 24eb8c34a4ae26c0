import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Meter } from "./budget.ts";
import { ConfigError } from "./errors.ts";
import {
  anything,
  callback,
  either,
  listOf,
  name as nameRule,
  objectWith,
  oneOf,
  type Rule,
  type Rules,
  required,
  ruleOf,
  seconds,
  text,
  truth,
} from "./options.ts";
import type { Redactor } from "./secrets/redact.ts";

/** A plain JSON Schema, draft 2020-12. Its root describes an object; `$ref` points into the schema itself. */
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
  /**
   * Whether people outside may have written text or fields: they may say things, but they allow nothing, and by rules their
   * field `value` is not an answer. @default "trusted"
   */
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
  /** Names the call within its solve, for tools that must know a call that is made again. */
  readonly toolCallId?: string;
  /** None: tools of the AI SDK look for the messages of a chat here. */
  readonly messages?: readonly never[];
  /** Takes secrets out of a text. The flow does so with all that a tool gives back: a tool that cuts texts does it before. */
  readonly redact?: Redactor;
}

/** What planners and people learn about a tool besides its description, and what rules go by instead of its name. */
export interface ToolMetadata {
  /**
   * It computes with values that are known and looks nothing up: its one argument is an expression, in which the rules write
   * references as terms (`135 ft`, `45 "km/h"`, `"2024-02-29"`) and `days @2.date @4.born` as a call. @default false
   */
  readonly computes?: boolean;
  /** What its one argument is, for planners by rules: the whole question, or an address. @default a name or words */
  readonly takes?: "question" | "address";
  /** The field of its results by which one answers a question. @default "value" */
  readonly answerField?: string;
  /** The same input always gets the same result, and a call changes nothing: learning asks once. @default false */
  readonly pure?: boolean;
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
  readonly secrets?: () => readonly string[] | Promise<readonly string[]>;
  /** A cheap call that shows whether the tool works here: `agentflow doctor` makes it. */
  readonly check?: (context: ToolContext) => Promise<string>;
  readonly execute: (input: Input, context: ToolContext) => unknown;
}

/** A tool whatever its input: what code that handles tools by name gets. */
export type AnyTool = Omit<Tool, "inputSchema"> & { readonly inputSchema: StandardSchemaV1 | JsonSchema };

export type Toolset = Readonly<Record<string, AnyTool>>;

/** A tool of the AI SDK, as far as it is read here. */
export interface SdkTool {
  readonly description?: string | ((options: never) => string) | undefined;
  /** A Standard Schema, or one of `jsonSchema()`, `zodSchema()`, `lazySchema()`. */
  readonly inputSchema: object;
  /** A function. Without a type of its own, for those of our tools come from their interface. */
  readonly execute?: object | undefined;
}

/** Tools as they are given by name: ours, and those of the AI SDK as they are. */
export type Tools = Readonly<Record<string, AnyTool | SdkTool>>;

/** Given tools as a flow uses them, each with its description as a text. They were checked by `toolset`. */
export const toolsetOf = (tools: Tools): Toolset => {
  const entries = Object.entries(tools);
  if (entries.every(([, { description }]) => typeof description === "string")) return tools as Toolset;
  return Object.fromEntries(
    entries.map(([name, tool]) => [name, { ...tool, description: descriptionOf(name, tool) } as AnyTool]),
  );
};

/** One of the AI SDK may be a function of a context, which there is none of here. */
const descriptionOf = (name: string, { description }: SdkTool): string => {
  if (typeof description !== "function") return description ?? name;
  try {
    return description({ context: {} } as never);
  } catch {
    // It needs its context after all.
    return name;
  }
};

/** Whether a tool computes with what is known and looks nothing up. */
export const computes = (tools: Toolset, name: string): boolean => metadataOf(tools, name)?.computes === true;

/** What a tool says of itself; undefined for one that is not there. */
export const metadataOf = (tools: Toolset, name: string): ToolMetadata | undefined =>
  Object.hasOwn(tools, name) ? tools[name]?.metadata : undefined;

/** Whether somebody must approve each call of a tool: it says so, or decides it by a function, as tools of the AI SDK may. */
export const asksApproval = (tool: Pick<AnyTool, "needsApproval"> | undefined): boolean =>
  tool?.needsApproval !== undefined && tool.needsApproval !== false;

const toolRules: Rules<AnyTool> = {
  description: required(either(callback, text)),
  inputSchema: required(objectWith("a Standard Schema or a JSON Schema")),
  metadata: ruleOf<ToolMetadata>(
    {
      computes: truth,
      takes: oneOf("question", "address"),
      answerField: nameRule,
      limits: text,
      pure: truth,
      bestUse: text,
      examples: listOf(anything),
    },
    { others: "unlike" },
  ),
  needsApproval: either(callback, truth),
  timeoutSeconds: seconds,
  check: callback,
  secrets: callback,
  execute: required(callback),
};
const definition = ruleOf(toolRules, { others: "unlike" });

/** What a flow takes as tools. Fields of other libraries may stand in a tool; one that looks misspelt may not. */
export const toolset: Rule = (value, of) => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(`${of} must be an object of tools by their names, such as { calculate: calculate() }.`);
  for (const [name, tool] of Object.entries(value)) {
    if (!/^[A-Za-z_][\w-]*$/u.test(name))
      throw new ConfigError(`A tool is called "${name}": use letters, digits, _ and -.`);
    if (typeof tool?.execute !== "function" || !["object", "function"].includes(typeof tool.inputSchema))
      throw new ConfigError(
        `The tool "${name}" needs an inputSchema and a function execute: one that a client or a provider runs cannot be called here.`,
      );
    if (tool.contextSchema !== undefined)
      throw new ConfigError(`The tool "${name}" wants a context (contextSchema), which there is none of in a flow.`);
    definition(tool, `The tool "${name}"`);
  }
};

/**
 * Keeps the input type between schema and execute.
 *
 * @example
 * ```ts
 * import { tool } from "agentflow";
 * import { z } from "zod";
 *
 * const stock = tool({
 *   description: "Units of a product in stock, by its code.",
 *   inputSchema: z.object({ sku: z.string() }),
 *   execute: ({ sku }) => ({ units: sku === "A-17" ? 12 : 0 }),
 * });
 * ```
 */
export const tool = <Input>(definition: Tool<Input>): Tool<Input> => definition;
