import { ConfigError, EngineError } from "../../../../errors.ts";
import type { Expression, Rule } from "../../../../patterns/expression.ts";
import { type ByteRanges, utf8 } from "./utf8.ts";

/** A deterministic automaton over bytes, built as far as it is walked. State 0 is dead: no text continues from it. */
export interface Automaton {
  readonly start: number;
  step(state: number, byte: number): number;
  /** Whether the bytes so far are a member of the language. */
  accepts(state: number): boolean;
}

interface Edge {
  readonly low: number;
  readonly high: number;
  readonly target: number;
}

/** A node takes a byte, or jumps, or calls a rule and continues at `back`, or ends its rule. */
type Node =
  | { readonly kind: "take"; readonly edges: readonly Edge[] }
  | { readonly kind: "jump"; readonly to: number[] }
  | { readonly kind: "call"; readonly rule: number; readonly back: number }
  | { readonly kind: "end" };

const MOST_NODES = 400_000;
/** Of all states together. */
const MOST_CONFIGURATIONS = 4_000_000;

/** The nodes of a rule and of all that it calls, and where each rule starts. The first rule is the whole language. */
const translate = (whole: Rule): { nodes: readonly Node[]; starts: readonly number[] } => {
  const nodes: Node[] = [];
  const starts: number[] = [];
  const rules = new Map<Rule, number>([[whole, 0]]);
  const add = (node: Node): number => {
    if (nodes.length >= MOST_NODES) {
      throw new ConfigError(
        `The grammar has more than ${MOST_NODES} nodes. Lower its counts (maxLength, maxItems, {m,n}) or leave them out.`,
      );
    }
    return nodes.push(node) - 1;
  };
  const tails = new Map<string, number>();
  const tail = (bytes: ByteRanges, next: number): number =>
    bytes.reduceRight((target, [low, high], i) => {
      if (i === 0) return target;
      const key = `${low},${high},${target}`;
      const node = tails.get(key) ?? add({ kind: "take", edges: [{ low, high, target }] });
      tails.set(key, node);
      return node;
    }, next);
  /** Sequences that are the end of several others are built once. */
  const shared = new Map<Expression, Map<number, number>>();
  const build = (expression: Expression, next: number): number => {
    switch (expression.kind) {
      case "character": {
        const edges = utf8(expression.ranges).map((bytes) => {
          const [low, high] = bytes[0] as readonly [number, number]; // An encoding has at least one byte.
          return { low, high, target: tail(bytes, next) };
        });
        return add({ kind: "take", edges });
      }
      case "sequence": {
        const known = shared.get(expression) ?? new Map<number, number>();
        shared.set(expression, known);
        const node = known.get(next) ?? expression.parts.reduceRight((after, part) => build(part, after), next);
        known.set(next, node);
        return node;
      }
      case "choice":
        return add({ kind: "jump", to: expression.options.map((option) => build(option, next)) });
      case "repeat": {
        const { of, least, most } = expression;
        let node = next;
        if (most === Number.POSITIVE_INFINITY) {
          const to = [next];
          node = add({ kind: "jump", to });
          to.push(build(of, node));
        }
        for (let i = least; i < most && most !== Number.POSITIVE_INFINITY; i += 1)
          node = add({ kind: "jump", to: [build(of, node), next] });
        for (let i = 0; i < least; i += 1) node = build(of, node);
        return node;
      }
      case "call": {
        const rule = rules.get(expression.rule) ?? rules.size;
        rules.set(expression.rule, rule);
        return add({ kind: "call", rule, back: next });
      }
    }
  };
  // A rule that is called while others are built joins the map, and so this loop.
  for (const [rule, index] of rules) starts[index] = build(rule(), add({ kind: "end" }));
  return { nodes, starts };
};

/** How many more levels of calls each node needs before its rule can end, with the bytes that can be written; infinite if it never can. */
const neededDepths = (
  nodes: readonly Node[],
  starts: readonly number[],
  writable: (low: number, high: number) => boolean,
): Float64Array => {
  const depths = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
  const depthOf = (node: number): number => depths[node] as number;
  const needed = (node: Node): number => {
    switch (node.kind) {
      case "end":
        return 0;
      case "take":
        return node.edges.reduce(
          (least, { low, high, target }) => (writable(low, high) ? Math.min(least, depthOf(target)) : least),
          Number.POSITIVE_INFINITY,
        );
      case "jump":
        return node.to.reduce((least, target) => Math.min(least, depthOf(target)), Number.POSITIVE_INFINITY);
      case "call":
        return Math.max(1 + depthOf(starts[node.rule] as number), depthOf(node.back));
    }
  };
  // Nodes mostly point to earlier ones, so that a few sweeps settle all.
  for (let changed = true; changed; ) {
    changed = false;
    nodes.forEach((node, i) => {
      const depth = needed(node);
      if (depth >= depthOf(i)) return;
      depths[i] = depth;
      changed = true;
    });
  }
  return depths;
};

/** Bytes that no edge tells apart, as intervals: the class of each byte, and one byte of each class that can be written. */
const byteClasses = (nodes: readonly Node[], available: Uint8Array) => {
  const cuts = new Uint8Array(257);
  for (const node of nodes) {
    if (node.kind !== "take") continue;
    for (const { low, high } of node.edges) {
      cuts[low] = 1;
      cuts[high + 1] = 1;
    }
  }
  // A leading space is a case of its own.
  cuts[0x20] = 1;
  cuts[0x21] = 1;
  const classOf = new Uint8Array(256);
  const examples: (number | undefined)[] = [];
  for (let byte = 0; byte < 256; byte += 1) {
    if (byte === 0 || cuts[byte] || available[byte] !== available[byte - 1])
      examples.push(available[byte] ? byte : undefined);
    classOf[byte] = examples.length - 1;
  }
  return { classOf, examples };
};

/**
 * The automaton of a rule. A state is a set of configurations (node, stack of the nodes to go back to); only those are
 * kept from which the language can be completed with the `available` bytes within `maxDepth` calls, so no state but 0
 * is a dead end. `leadingSpace`: the decoder drops one space at the beginning of a text. Throws ConfigError for an
 * empty language, EngineError in the walk when there would be more than `maxStates`.
 */
export const createAutomaton = (
  rule: Rule,
  {
    available,
    leadingSpace,
    maxDepth,
    maxStates,
  }: {
    readonly available: Uint8Array;
    readonly leadingSpace: boolean;
    readonly maxDepth: number;
    readonly maxStates: number;
  },
): Automaton => {
  const { nodes, starts } = translate(rule);
  const writable = (low: number, high: number): boolean => available.subarray(low, high + 1).includes(1);
  const depths = neededDepths(nodes, starts, writable);
  const { classOf, examples } = byteClasses(nodes, available);
  const N = nodes.length;
  const C = examples.length;

  /** Stacks share their lower parts; 0 is the empty one. */
  const parents = [0];
  const backs = [-1];
  const heights = [0];
  const stacks = new Map<number, number>();
  const push = (stack: number, back: number): number => {
    const key = stack * N + back;
    const known = stacks.get(key);
    if (known !== undefined) return known;
    stacks.set(key, parents.length);
    backs.push(back);
    heights.push((heights[stack] as number) + 1);
    return parents.push(stack) - 1;
  };

  /** Adds what is reached from a node without a byte: nodes that take one, and the end of the whole. */
  const reach = (first: number, into: Set<number>, seen: Set<number>): void => {
    const open = [first];
    for (let configuration = open.pop(); configuration !== undefined; configuration = open.pop()) {
      if (seen.has(configuration)) continue;
      seen.add(configuration);
      const index = configuration % N;
      const stack = (configuration - index) / N;
      if ((heights[stack] as number) + (depths[index] as number) > maxDepth) continue;
      const node = nodes[index] as Node;
      if (node.kind === "take") into.add(configuration);
      else if (node.kind === "jump") for (const target of node.to) open.push(stack * N + target);
      else if (node.kind === "call") open.push(push(stack, node.back) * N + (starts[node.rule] as number));
      else if (stack === 0) into.add(configuration);
      else open.push((parents[stack] as number) * N + (backs[stack] as number));
    }
  };

  const states: (readonly number[])[] = [];
  const accepting: boolean[] = [];
  let held = 0;
  const known = new Map<string, number>();
  let table = new Int32Array(64 * C).fill(-1);
  const intern = (configurations: Set<number>, name = ""): number => {
    const list = [...configurations].sort((a, b) => a - b);
    const key = `${name}${list.join()}`;
    const same = known.get(key);
    if (same !== undefined) return same;
    held += list.length;
    if (states.length >= maxStates || held > MOST_CONFIGURATIONS) {
      throw new EngineError(
        `The grammar reached ${states.length} states of ${maxStates} (maxStates), with ${held} ways to continue, of ${MOST_CONFIGURATIONS}. Make it simpler: fewer counts and alternatives.`,
      );
    }
    const state = states.push(list) - 1;
    accepting.push(list.some((configuration) => (nodes[configuration % N] as Node).kind === "end"));
    known.set(key, state);
    if (states.length * C > table.length) {
      const grown = new Int32Array(table.length * 2).fill(-1);
      grown.set(table);
      table = grown;
    }
    return state;
  };

  const next = (state: number, byte: number): number => {
    const reached = new Set<number>();
    const seen = new Set<number>();
    for (const configuration of states[state] as readonly number[]) {
      const index = configuration % N;
      const node = nodes[index] as Node;
      if (node.kind !== "take") continue;
      for (const { low, high, target } of node.edges)
        if (byte >= low && byte <= high) reach(configuration - index + target, reached, seen);
    }
    return intern(reached);
  };

  const dead = intern(new Set());
  table.fill(dead, 0, C);
  const first = new Set<number>();
  reach(starts[0] as number, first, new Set());
  if (first.size === 0) {
    throw new ConfigError(
      `No text fits the grammar: it asks for what cannot be, nests without end or deeper than ${maxDepth}, or needs characters that this vocabulary cannot write.`,
    );
  }
  const inside = intern(first);
  const start = leadingSpace ? intern(first, "start:") : inside;
  if (leadingSpace) table[start * C + (classOf[0x20] as number)] = inside;

  return {
    start,
    step: (state, byte) => {
      const cell = state * C + (classOf[byte] as number);
      const target = table[cell] as number;
      if (target >= 0) return target;
      const example = examples[classOf[byte] as number];
      const computed = example === undefined ? dead : next(state, example);
      table[cell] = computed;
      return computed;
    },
    accepts: (state) => accepting[state] === true,
  };
};
