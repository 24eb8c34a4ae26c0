import type { Expression, Ranges } from "./expression.ts";
import { character, choice, complement, repeat, sequence } from "./expression.ts";
import { parsePattern } from "./pattern.ts";

/** A pattern that is tried on a text in time proportional to `nodes` times the text's length, whatever the pattern is. */
export interface LinearMatcher {
  readonly nodes: number;
  /** Whether the pattern matches somewhere in the text. */
  matches(text: string): boolean;
}

/** A node takes a character, or jumps without one, or is the end. */
type Node = { readonly ranges: Ranges; readonly next: number } | { readonly to: number[] } | "end";

const MOST_NODES = 20_000;
const ANYTHING: Expression = repeat(character(complement([])), 0);

/**
 * Compiles a pattern to an automaton that is walked with all its states at once, and so never goes back. Understands what
 * `parsePattern` does, with the flag `u`. Undefined for a pattern beyond it (look-arounds, back-references, `\b`, `\p`)
 * and for one whose counts ask for more than 20,000 nodes.
 */
export const linearMatcher = (pattern: string): LinearMatcher | undefined => {
  const nodes: Node[] = ["end"];
  const add = (node: Node): number => {
    if (nodes.length >= MOST_NODES) throw new RangeError(`more than ${MOST_NODES} nodes`);
    return nodes.push(node) - 1;
  };
  const build = (expression: Expression, next: number): number => {
    switch (expression.kind) {
      case "character":
        return add({ ranges: expression.ranges, next });
      case "sequence":
        return expression.parts.reduceRight((after, part) => build(part, after), next);
      case "choice":
        return add({ to: expression.options.map((option) => build(option, next)) });
      case "repeat": {
        const { of, least, most } = expression;
        let node = next;
        if (most === Number.POSITIVE_INFINITY) {
          const to = [next];
          node = add({ to });
          to.push(build(of, node));
        } else for (let i = least; i < most; i += 1) node = add({ to: [build(of, node), next] });
        for (let i = 0; i < least; i += 1) node = build(of, node);
        return node;
      }
      case "call":
        return build(expression.rule(), next);
    }
  };
  try {
    const whole = parsePattern(pattern).map(({ expression, begins, ends }) =>
      sequence(...(begins ? [] : [ANYTHING]), expression, ...(ends ? [] : [ANYTHING])),
    );
    const start = build(choice(...whole), 0);
    return { nodes: nodes.length, matches: (text) => walk(nodes, start, text) };
  } catch {
    // Beyond what this engine runs: the caller decides what to do with such a pattern.
    return undefined;
  }
};

const walk = (nodes: readonly Node[], start: number, text: string): boolean => {
  /** In which step a node was last reached: each is entered once a step. */
  const reachedIn = new Int32Array(nodes.length).fill(-1);
  let ended = false;
  const enter = (first: number, step: number, into: number[]): void => {
    const waiting = [first];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const node = nodes[at];
      if (node === undefined || reachedIn[at] === step) continue;
      reachedIn[at] = step;
      if (node === "end") ended = true;
      else if ("to" in node) waiting.push(...node.to);
      else into.push(at);
    }
  };
  let current: number[] = [];
  enter(start, 0, current);
  let step = 0;
  for (const letter of text) {
    if (current.length === 0) return false;
    const point = letter.codePointAt(0) ?? 0;
    step += 1;
    ended = false;
    const next: number[] = [];
    for (const at of current) {
      const node = nodes[at];
      if (typeof node === "object" && "ranges" in node && isIn(node.ranges, point)) enter(node.next, step, next);
    }
    current = next;
  }
  return ended;
};

const isIn = (ranges: Ranges, point: number): boolean => ranges.some(([low, high]) => point >= low && point <= high);
