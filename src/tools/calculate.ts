import type { MathNode } from "mathjs";
import { messageOf, ToolError } from "../errors.ts";
import { numberOf, tidied } from "../number-text.ts";
import { defined } from "../options.ts";
import type { Field, ToolOutput } from "../tool.ts";
import { tool } from "../tool.ts";
import { compute, functions, type Value } from "./calculate-functions.ts";
import { dayNumber } from "./calendar.ts";
import { withPlainUnits } from "./spelt-units.ts";

/** Longest expression that is read. */
const longest = 400;
const accepted = `numbers with units (135 ft, 45 "km/h"), dates ("2024-02-29"), + - * / ^ and ${Object.keys(functions).join(", ")}`;

const fail = (problem: string): never => {
  throw new ToolError(`calculate: ${problem}. It understands ${accepted}.`);
};

/** The parts of a parsed expression that are evaluated; everything else is refused by name. */
type Node = MathNode & {
  readonly value?: unknown;
  readonly name?: string;
  readonly fn?: unknown;
  readonly op?: string;
  readonly args?: readonly Node[];
  readonly content?: Node;
};

const numberIn = (value: Value | undefined, op: string): { readonly value: number | bigint; readonly unit?: string } =>
  value?.kind === "number"
    ? value
    : fail(`${op} needs numbers, it got ${value === undefined ? "nothing" : value.kind}`);

const quantity = (value: number | bigint, unit?: string): Value => ({
  kind: "number",
  value,
  ...defined({ unit }),
});

/** One arithmetic operator. Sums keep the common unit, a product has at most one unit, a ratio of equals none. */
const arithmetic = (op: string, left: Value | undefined, right: Value | undefined): Value => {
  const [a, b] = [numberIn(left, op), numberIn(right, op)];
  if (op === "+" || op === "-") {
    if (a.unit !== b.unit) return fail(`${op} needs one unit, it got ${a.unit ?? "none"} and ${b.unit ?? "none"}`);
    return quantity(compute(op, a.value, b.value), a.unit);
  }
  if (op === "*") {
    if (a.unit !== undefined && b.unit !== undefined) return fail(`* takes one unit, it got ${a.unit} and ${b.unit}`);
    return quantity(compute(op, a.value, b.value), a.unit ?? b.unit);
  }
  if (op === "/") {
    if (b.unit !== undefined && a.unit !== b.unit) return fail(`/ cannot divide ${a.unit ?? "a number"} by ${b.unit}`);
    return quantity(compute(op, a.value, b.value), b.unit === undefined ? a.unit : undefined);
  }
  if (op === "^" && a.unit === undefined && b.unit === undefined) return quantity(compute(op, a.value, b.value));
  return fail(`the operator ${op} is not known for these values`);
};

/** Whether a text is a whole number that a double may not hold. */
const isLong = (text: string): boolean => /^-?[1-9]\d{15,}$/.test(text) && !Number.isSafeInteger(Number(text));

/** An expression whose long whole numbers stand in quotes, in which the parser keeps their digits. */
const withLongNumbers = (expression: string): string =>
  expression.replace(/"[^"]*"|\d[\d.]*(?:e[-+]?\d+)?/gi, (token) => {
    if (/^\d{16,}\./.test(token) && numberOf(token) === undefined)
      return fail(`${token} has more digits than a fraction keeps here`);
    return isLong(token) ? `"${token}"` : token;
  });

const literal = (value: unknown): Value => {
  if (typeof value === "number") return quantity(value);
  if (typeof value !== "string") return fail(`${String(value)} is no value`);
  if (isLong(value)) return quantity(BigInt(value));
  return { kind: dayNumber(value) === undefined ? "text" : "date", value: value.trim() };
};

/** What the parser reads and nobody may use, in words. */
const refused: Readonly<Record<string, string>> = {
  AccessorNode: "a part of something (a.b or a[b])",
  ArrayNode: "a list ([a, b])",
  AssignmentNode: "an assignment (a = b)",
  BlockNode: "more than one expression (a; b)",
  ConditionalNode: "a condition (a ? b : c)",
  FunctionAssignmentNode: "the definition of a function (f(a) = b)",
  ObjectNode: "an object ({a: b})",
  RangeNode: "a range (a:b)",
  RelationalNode: "a chain of comparisons (a < b < c)",
};

const evaluate = (node: Node, unitOf: (name: string) => string): Value => {
  const args = (node.args ?? []).map((arg) => () => evaluate(arg, unitOf));
  switch (node.type) {
    case "ConstantNode":
      return literal(node.value);
    case "ParenthesisNode":
      return node.content === undefined ? fail("empty parentheses") : evaluate(node.content, unitOf);
    case "SymbolNode":
      return quantity(1, unitOf(node.name ?? ""));
    case "OperatorNode": {
      const op = node.op ?? "";
      const [first, second] = args;
      if (args.length === 2 && first !== undefined && second !== undefined) return arithmetic(op, first(), second());
      if (args.length !== 1 || first === undefined || (op !== "-" && op !== "+")) return fail(`no operator ${op} here`);
      const only = first();
      return op === "+" ? only : arithmetic("*", quantity(-1), only);
    }
    case "FunctionNode": {
      const name = (node.fn as Node | undefined)?.name ?? "";
      const call = Object.hasOwn(functions, name) ? functions[name] : undefined;
      return call === undefined ? fail(`there is no function ${name}`) : call(args.map((arg) => arg()));
    }
    default:
      return fail(`${refused[node.type] ?? node.type} is not allowed`);
  }
};

/** A result as a field. A whole number whose digits a double does not keep is a text of them, with its unit. */
const resultOf = (value: Value): Field => {
  if (value.kind !== "number") return value;
  const digits = String(value.value);
  const number = typeof value.value === "number" ? tidied(value.value) : numberOf(digits);
  return number === undefined ? { ...value, kind: "text", value: digits } : { ...value, value: number };
};

/** The parser alone: nothing that evaluates, assigns or imports is ever created. Loaded by the first call. */
let parser: Promise<(expression: string) => MathNode> | undefined;
const loadParser = async (): Promise<(expression: string) => MathNode> => {
  const { create, parseDependencies } = await import("mathjs/number");
  const { parse } = create(parseDependencies ?? {}, {}) as { parse?: (expression: string) => MathNode };
  if (parse === undefined) throw new ToolError("calculate: the parser of mathjs is missing");
  return parse;
};

/**
 * Computes and cannot look anything up. Its result is one field called `value` with its unit. Dates are proleptic
 * Gregorian days in UTC. Throws `ToolError` that says what would have been understood.
 */
export const calculate = tool<{ expression: string }>({
  description:
    "Computes with values that are already known: value(x), difference(a, b), sum(a, b), days(date1, date2), " +
    "weekday(date), distance(lat1, lon1, lat2, lon2) in km, larger(a, b), less(a, b) and more(a, b), which say yes or no, and arithmetic.",
  inputSchema: {
    type: "object",
    properties: {
      expression: { type: "string", description: 'Such as difference(135 ft, 20 ft) or weekday("2024-02-29").' },
    },
    required: ["expression"],
  },
  metadata: { computes: true, answerField: "value" },
  execute: async ({ expression }): Promise<ToolOutput> => {
    if (typeof expression !== "string" || expression.trim() === "") return fail("an expression is missing");
    if (expression.length > longest) return fail(`the expression is longer than ${longest} characters`);
    parser ??= loadParser();
    const parse = await parser;
    const { plain, unitOf } = withPlainUnits(expression);
    const written = withLongNumbers(plain);
    let node: MathNode;
    try {
      node = parse(written);
    } catch (error) {
      return fail(`cannot read ${expression} (${messageOf(error)})`);
    }
    const value = evaluate(node as Node, unitOf);
    const field = resultOf(value);
    if (typeof field.value === "number" && !Number.isFinite(field.value))
      return fail("the result is not a finite number");
    const unit = value.kind === "number" && value.unit !== undefined ? ` ${value.unit}` : "";
    return { text: `${expression} = ${field.value}${unit}`, fields: { value: field } };
  },
});
