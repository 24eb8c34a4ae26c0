import { readFileSync } from "node:fs";
import { parseSync, Visitor } from "oxc-parser";

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The longest function of a file, by its own lines: those of functions within it count as theirs, for what returns an
 * object of functions is as long as a file, and still a table of contents.
 */
export const longestFunction = (file: string): { readonly name: string; readonly lines: number } => {
  const text = readFileSync(file, "utf8");
  const { program } = parseSync(file, text);
  const found: (Span & { readonly name: string; inner: number })[] = [];
  const open: (Span & { readonly name: string; inner: number })[] = [];
  const linesIn = ({ start, end }: Span): number => text.slice(start, end).split("\n").length;
  const names = new Map<number, string>();
  const enter = ({ start, end }: Span): void => {
    const { line } = lineAt(text, start);
    open.push({ start, end, name: names.get(start) ?? `line ${line}`, inner: 0 });
  };
  const leave = (): void => {
    const done = open.pop();
    if (done === undefined) return;
    found.push(done);
    const around = open.at(-1);
    // The first line of an inner function is a line of the outer one as well.
    if (around !== undefined) around.inner += linesIn(done) - 1;
  };
  new Visitor({
    VariableDeclarator: ({ id, init }) => {
      if (init !== null && id.type === "Identifier") names.set(init.start, id.name);
    },
    Property: ({ key, value }) => {
      if (key.type === "Identifier") names.set(value.start, key.name);
    },
    MethodDefinition: ({ key, value }) => {
      if (key.type === "Identifier") names.set(value.start, key.name);
    },
    FunctionDeclaration: (node) => {
      if (node.id !== null) names.set(node.start, node.id.name);
      enter(node);
    },
    "FunctionDeclaration:exit": leave,
    FunctionExpression: enter,
    "FunctionExpression:exit": leave,
    ArrowFunctionExpression: enter,
    "ArrowFunctionExpression:exit": leave,
  }).visit(program);
  return found
    .map((one) => ({ name: one.name, lines: linesIn(one) - one.inner }))
    .reduce((longest, one) => (one.lines > longest.lines ? one : longest), { name: "", lines: 0 });
};

const lineAt = (text: string, place: number): { readonly line: number } => ({
  line: text.slice(0, place).split("\n").length,
});
