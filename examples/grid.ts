/**
 * Makes tasks from a grid: paths that lead from what a question names to a row × a field that is asked of it × what is
 * done with the fields. The projects `incidents` and `trips` use it; take it along when you copy one of them.
 */
import { type Random, type RandomKey, random, randomKey, type Task } from "agentflow";

/** What a lookup brings: numbers, texts, dates such as `2031-02-28`. */
export type Row = Readonly<Record<string, string | number>>;

/** Rows by name of the tool and by what it is called with, its arguments joined by a blank. */
export type Tables = Readonly<Record<string, ReadonlyMap<string, Row>>>;

/** A way from what a question names to a row. */
export interface Path {
  /** The table of each thing that the question names. */
  readonly names: readonly string[];
  /** Lookups in order: `{1}` is the first named thing, `@1.team` a field of the first lookup. */
  readonly steps: readonly string[];
  /** What a question calls the last row. */
  readonly phrases: readonly string[];
}

/** The words of a field; `{}` is the row that it is asked of. What asks for a name asks in questions of its own. */
export type Words =
  | {
      readonly kind: "count" | "date";
      readonly asks: string;
      readonly says: string;
      /** Of a count: what is counted, and how two rows are asked at once. */
      readonly things?: string;
      readonly all?: string;
      /** What the field is called: `the launch of {}`. */
      readonly noun?: string;
    }
  | { readonly kind: "name"; readonly questions: readonly string[] };

export type Operation = "value" | "name" | "difference" | "sum" | "days";

/** A family of tasks: one or two fields, each as `path.field`, and what is done with them. */
export interface Cell {
  readonly name: string;
  readonly asked: readonly string[];
  /** A name needs no calculation: the last lookup states it. */
  readonly operation: Operation;
  /** Both fields are asked of one thing. */
  readonly same?: boolean;
  /** Never trained: its parts occur in other cells, in other combinations. */
  readonly heldOut?: boolean;
}

/** A family in which a number decides where to look: whether it is below or above the one in the question, `{n}`. */
export interface Decision {
  readonly name: string;
  readonly on: string;
  readonly below: string;
  readonly above: string;
  readonly operation: "value" | "name";
  /** Least and greatest number of a question. */
  readonly numbers: readonly [least: number, most: number];
  readonly questions: readonly { readonly text: string; readonly compare: "less" | "more" }[];
  readonly heldOut?: boolean;
}

export type Family = Cell | Decision;

export interface Grid {
  readonly tables: Tables;
  readonly paths: Readonly<Record<string, Path>>;
  readonly fields: Readonly<Record<string, Words>>;
  /** Questions by operation; those that ask for a value, by the kind of its field. */
  readonly questions: Readonly<Record<"count" | "date" | "difference" | "sum" | "days", readonly string[]>>;
  readonly families: readonly Family[];
}

/** What only rewards, reports and tests see of a task. */
export interface Sealed {
  readonly answer: string | number;
  /** A row of the report. */
  readonly family: string;
  /** What the question names. Each measured task names at least one thing that no training task names. */
  readonly group: readonly string[];
  readonly heldOut?: boolean;
  /** The shortest plan, as a planner writes it. */
  readonly plan: readonly string[];
  /** Of a decision: what the other branch brings, and how. */
  readonly otherwise?: { readonly answer: string | number; readonly plan: readonly string[] };
}

/** What a question asks of one row. In texts, `<0>` stands for the first name of the question that was drawn. */
interface Subject {
  readonly steps: readonly string[];
  readonly names: readonly number[];
  readonly field: string;
  readonly phrase: string;
}

/** The names of a question, what they are called in plans (`q1`, in order of appearance), and the lookups so far. */
interface Walk {
  readonly names: readonly string[];
  readonly references: readonly string[];
  readonly plan: string[];
  readonly calls: string[];
  readonly rows: Row[];
}

type Drawn = Pick<Sealed, "answer" | "plan" | "otherwise" | "group"> & { readonly question: string };

const known = <T>(thing: T | undefined, name: string): T => {
  if (thing === undefined) throw new Error(`The grid has no ${name}.`);
  return thing;
};

const fieldOf = (asked: string): string => asked.slice(asked.indexOf(".") + 1);
const pathOf = ({ paths }: Grid, asked: string): Path => {
  const name = asked.slice(0, asked.indexOf("."));
  return known(paths[name], `path ${name}`);
};

/** Draws what a path names. */
const namesOf = (grid: Grid, { names }: Path, draws: Random): string[] =>
  names.map((table) => draws.pick([...known(grid.tables[table], `table ${table}`).keys()]));

const subjectOf = (grid: Grid, asked: string, names: readonly number[], draws: Random): Subject => {
  const { steps, phrases } = pathOf(grid, asked);
  const phrase = draws.pick(phrases).replace(/\{(\d)\}/g, (_, n) => `<${names[Number(n) - 1]}>`);
  return { steps, names, field: fieldOf(asked), phrase };
};

/** Looks up what a subject needs; the place of its row in the plan, from 1. Undefined where a row is missing or met twice. */
const follow = (tables: Tables, walk: Walk, { steps, names }: Subject): number | undefined => {
  const { plan, calls, rows, references } = walk;
  const places: number[] = [];
  for (const step of steps) {
    const [tool = "", ...terms] = step.split(" ");
    const written: string[] = [tool];
    const values: string[] = [];
    for (const term of terms) {
      const [, name, place, field = ""] = /^(?:\{(\d)\}|@(\d)\.(\w+))$/.exec(term) ?? [];
      const index = names[Number(name) - 1] ?? 0;
      const at = places[Number(place) - 1] ?? 0;
      written.push(name === undefined ? `@${at}.${field}` : (references[index] ?? ""));
      values.push(String(name === undefined ? rows[at - 1]?.[field] : walk.names[index]));
    }
    const line = written.join(" ");
    const call = [tool, ...values].join(" ");
    if (!plan.includes(line)) {
      const row = tables[tool]?.get(values.join(" "));
      if (row === undefined || calls.includes(call)) return undefined;
      plan.push(line);
      calls.push(call);
      rows.push(row);
    }
    places.push(plan.indexOf(line) + 1);
  }
  return places.at(-1);
};

const DAY = 86_400_000;
const operations: Readonly<Record<Operation, (a: string | number, b: string | number) => string | number>> = {
  value: (a) => a,
  name: (a) => a,
  difference: (a, b) => Math.abs(Number(a) - Number(b)),
  sum: (a, b) => Number(a) + Number(b),
  days: (a, b) => Math.abs(Date.parse(String(a)) - Date.parse(String(b))) / DAY,
};

/** Ends a walk with what is asked; undefined where its rows are missing or its answer is nothing. */
const finish = (tables: Tables, walk: Walk, subjects: readonly Subject[], operation: Operation) => {
  const places = subjects.map((subject) => follow(tables, walk, subject));
  const values = places.map((place, i) => walk.rows[(place ?? 0) - 1]?.[subjects[i]?.field ?? ""]);
  const [a, b = 0] = values;
  if (a === undefined || values.includes(undefined)) return undefined;
  const answer = operations[operation](a, b);
  if (operation !== "value" && answer === 0) return undefined;
  const operands = places.map((place, i) => `@${place}.${subjects[i]?.field}`);
  return {
    answer,
    plan: operation === "name" ? walk.plan : [...walk.plan, `calculate ${operation} ${operands.join(" ")}`],
  };
};

/** A question in words: of its operation, with the words of its fields. */
const questionOf = (grid: Grid, operation: Operation, subjects: readonly Subject[], draws: Random): string => {
  const [first, second] = subjects.map((subject) => ({
    words: known(grid.fields[subject.field], `field ${subject.field}`),
    phrase: subject.phrase,
  }));
  if (first === undefined) throw new Error("A question needs a subject.");
  const { words, phrase } = first;
  if (words.kind === "name") return draws.pick(words.questions).replace("{}", phrase);
  const other = second !== undefined && second.words.kind !== "name" ? second.words.noun : undefined;
  const parts: Readonly<Record<string, string | undefined>> = {
    a: phrase,
    b: second?.phrase,
    things: words.things,
    asks: words.asks.replace("{}", phrase),
    says: words.says.replace("{}", phrase),
    all: words.all?.replace("{}", `${phrase} and ${second?.phrase}`),
    noun: words.noun?.replace("{}", phrase),
    other: other?.replace("{}", second?.phrase ?? ""),
  };
  const kind = operation === "value" || operation === "name" ? words.kind : operation;
  return draws.pick(grid.questions[kind]).replace(/\{(\w+)\}/g, (_, part) => known(parts[part], `words for ${part}`));
};

/** A walk that has not begun: references are numbered as the names appear in the text. */
const walkOf = (text: string, names: readonly string[]): Walk => {
  const order = [...new Set([...text.matchAll(/<(\d+)>/g)].map(([, index]) => Number(index)))];
  const references = names.map((_, index) => `q${order.indexOf(index) + 1}`);
  return { names, references, plan: [], calls: [], rows: [] };
};

const spelt = (text: string, names: readonly string[]): string =>
  text.replace(/<(\d+)>/g, (_, index) => names[Number(index)] ?? "");

const drawCell = (grid: Grid, { asked, operation, same = false }: Cell, draws: Random): Drawn | undefined => {
  const group: string[] = [];
  const subjects = draws.shuffle(asked).map((one, i) => {
    const names = same && i > 0 ? [] : namesOf(grid, pathOf(grid, one), draws);
    const numbers = same ? [0] : names.map((_, j) => group.length + j);
    group.push(...names);
    return subjectOf(grid, one, numbers, draws);
  });
  if (new Set(group).size < group.length) return undefined;
  const text = questionOf(grid, operation, subjects, draws);
  const found = finish(grid.tables, walkOf(text, group), subjects, operation);
  return found && { ...found, question: spelt(text, group), group };
};

/** Draws a thing whose number is on a given side of the one in the question. */
const drawDecision = (grid: Grid, family: Decision, number: number, isBelow: boolean, draws: Random) => {
  const { on, below, above, operation, questions } = family;
  const group = namesOf(grid, pathOf(grid, on), draws);
  const names = [...group, String(number)];
  const { text, compare } = draws.pick(questions);
  const marked = text.replace("{n}", `<${group.length}>`).replace(/\{(\d)\}/g, (_, n) => `<${Number(n) - 1}>`);
  const all = group.map((_, i) => i);
  const branch = (asked: string) => {
    const walk = walkOf(marked, names);
    const place = follow(grid.tables, walk, subjectOf(grid, on, all, draws));
    const value = Number(walk.rows[(place ?? 0) - 1]?.[fieldOf(on)]);
    if (!(isBelow ? value < number : value > number)) return undefined;
    walk.plan.push(`calculate ${compare} @${place}.${fieldOf(on)} ${walk.references.at(-1)}`);
    walk.rows.push({});
    return finish(grid.tables, walk, [subjectOf(grid, asked, all, draws)], operation);
  };
  const [right, wrong] = [branch(isBelow ? below : above), branch(isBelow ? above : below)];
  if (right === undefined || wrong === undefined || right.answer === wrong.answer) return undefined;
  return { ...right, otherwise: wrong, question: spelt(marked, names), group };
};

/** Planners see ids: they say nothing of the family. */
const idOf = ({ high, low }: RandomKey): string => `t${high.toString(36)}${low.toString(36)}`;

const says = (question: string, answer: string | number): boolean =>
  ` ${question.replace(/[?.,;:]/g, "")} `.includes(` ${answer} `);

/** The number of a question. Two tasks that follow each other share it, one on either side: it does not say which branch is right. */
const numberOf = ({ name, numbers: [least, most] }: Decision, seed: number, index: number): number =>
  least + random(randomKey("number", seed, name, Math.floor(index / 2))).below(most - least + 1);

const MOST_DRAWS = 20_000;

export interface GridTasksOptions {
  readonly seed: number;
  readonly perFamily: number;
  /** Tasks of a decision: whether a branch is chosen rightly takes more of them to tell from chance. */
  readonly perDecision: number;
}

/** Tasks of each family; the same seed gives the same tasks. No question is asked twice, and none says its answer. */
export const gridTasks = (grid: Grid, { seed, perFamily, perDecision }: GridTasksOptions): Task<Sealed>[] => {
  const asked = new Set<string>();
  return grid.families.flatMap((family) => {
    const draws = random(randomKey("tasks", seed, family.name));
    const made: Task<Sealed>[] = [];
    for (let i = 0; made.length < ("on" in family ? perDecision : perFamily); i += 1) {
      if (i === MOST_DRAWS) throw new Error(`The family ${family.name} has only ${made.length} questions.`);
      const drawn: Drawn | undefined =
        "on" in family
          ? drawDecision(grid, family, numberOf(family, seed, made.length), made.length % 2 === 0, draws)
          : drawCell(grid, family, draws);
      if (drawn === undefined || asked.has(drawn.question) || says(drawn.question, drawn.answer)) continue;
      asked.add(drawn.question);
      const { question, ...sealed } = drawn;
      made.push({
        id: idOf(randomKey("task", seed, question)),
        question,
        sealed: { ...sealed, family: family.name, ...(family.heldOut === true && { heldOut: true }) },
      });
    }
    return made;
  });
};
