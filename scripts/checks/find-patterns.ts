import { type Argument, type Expression, parseSync, Visitor } from "oxc-parser";

/** A regular expression in a source file: a literal, or the arguments of `new RegExp(…)`. */
export interface FoundPattern {
  readonly file: string;
  readonly line: number;
  /** Undefined where the program puts it together. */
  readonly pattern: string | undefined;
  readonly flags: string;
  /** The pattern, or the first argument, as it stands in the source. */
  readonly source: string;
}

/** All regular expressions of a TypeScript file, in their order. Throws for a file that is not TypeScript. */
export const findPatterns = (file: string, text: string): FoundPattern[] => {
  const { program, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`);
  const found: FoundPattern[] = [];
  const add = (start: number, pattern: Omit<FoundPattern, "file" | "line">): void => {
    found.push({ file, line: text.slice(0, start).split("\n").length, ...pattern });
  };
  const call = (start: number, callee: Expression, [first, second]: readonly Argument[]): void => {
    if (callee.type !== "Identifier" || callee.name !== "RegExp" || first === undefined) return;
    const pattern = textOf(first);
    add(start, { pattern, flags: textOf(second) ?? "", source: pattern ?? text.slice(first.start, first.end) });
  };
  new Visitor({
    Literal: (node) => {
      if (!("regex" in node)) return;
      const { pattern, flags } = node.regex;
      add(node.start, { pattern, flags, source: pattern });
    },
    NewExpression: ({ start, callee, arguments: args }) => call(start, callee, args),
    CallExpression: ({ start, callee, arguments: args }) => call(start, callee, args),
  }).visit(program);
  return found;
};

const textOf = (node: Argument | undefined): string | undefined =>
  node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined;
