import { TaskError } from "../errors.ts";
import { listOf, objectWith, required, ruleOf } from "../options.ts";
import { type Random, type RandomKey, random, randomKey } from "../random.ts";
import type { Task } from "../task.ts";
import { type Answer, answerOf } from "./answer.ts";
import { belongsTo, type Chain, chainsOf, type Split } from "./chains.ts";
import type { Almanac } from "./data.ts";
import type { Asked, Cell, Operation } from "./grid.ts";
import { type Path, paths } from "./paths.ts";
import { composeQuestion } from "./question.ts";

const anAlmanac = required(
  ruleOf<{ pages: unknown }>({ pages: required(listOf(objectWith("a page"))) }, { others: "any" }),
);

/** What only rewards, scorers, reports and scripted baselines read of an Almanac task. */
export interface AlmanacSealed extends Answer {
  /** Name of the cell. */
  readonly family: string;
  readonly role: Cell["role"];
  readonly split: Split;
  readonly operation: Cell["operation"];
  /** By entity, in the order of the question. */
  readonly asked: readonly Asked[];
  /** Ids of all pages that the answer needs, and of those that the question names. */
  readonly pages: readonly string[];
  readonly entryPages: readonly string[];
  /** The oracle's actions as a planner would write them. */
  readonly plan: readonly string[];
}

/** A question about the Almanac. */
export type AlmanacTask = Task<AlmanacSealed>;

/** Which wording a task takes: one of the trained templates, or the one that training never shows. */
export type Paraphrase = "trained" | "heldOut";

/** Draws tasks by cell, split and index: the same arguments always give the same task. */
export type TaskSource = (cell: Cell, split: Split, index: number, paraphrase?: Paraphrase) => AlmanacTask;

/** Turns beyond the oracle's plan. */
const slack = 3;
const attempts = 100;
/** Longest question, in words; one that asks for a longer plan than training knows has more to say. */
const longestQuestion: Readonly<Record<Cell["role"], number>> = { trained: 26, heldOut: 26, deep: 36 };

const actionsOf = (chains: readonly Chain[], { asked, operation }: Cell): readonly string[] => {
  const plan: string[] = [];
  const operands = asked.map(({ path, field }, i) => {
    const { entry, hops }: Path = paths[path];
    if (entry === "person" || entry === "event") plan.push(`wikipedia_search q${i + 1}`);
    else
      for (const [step, hit] of (chains[i]?.hits ?? []).entries()) {
        plan.push(step === 0 ? `web_search q${i + 1}` : `web_search @${plan.length}.${hops[step - 1]}`);
        plan.push(`web_page @${plan.length}.${hit}`);
      }
    return `@${plan.length}.${field}`;
  });
  return [...plan, `calculate ${operation} ${operands.join(" ")}`];
};

/** A computed answer must stand on none of the pages that lead to it; a `value` is what a page states. */
const isStated = (answer: string, chains: readonly Chain[]): boolean =>
  chains.some(({ pages }) =>
    pages.some(({ fields }) => Object.values(fields).some(({ value }) => String(value) === answer)),
  );

/** Chains by what they answer, so that no answer is common only because many pages share it. */
type Pool = readonly (readonly Chain[])[];

const poolOf = (chains: readonly Chain[], { field }: Asked, operation: Operation, split: Split): Pool => {
  const byAnswer = new Map<string, Chain[]>();
  for (const chain of chains) {
    const wanted = chain.pages.at(-1)?.fields[field];
    if (wanted === undefined || !belongsTo(split, chain)) continue;
    const key = operation === "weekday" ? answerOf(operation, [wanted])?.answer : String(wanted.value);
    const alike = byAnswer.get(key ?? "");
    if (alike === undefined) byAnswer.set(key ?? "", [chain]);
    else alike.push(chain);
  }
  return [...byAnswer.values()];
};

/** Modules see a task's id: it says nothing of family, split or answer. */
const opaque = ({ high, low }: RandomKey): string =>
  `almanac-${[high, low].map((half) => half.toString(16).padStart(8, "0")).join("")}`;

/**
 * Prepares the world's chains once. `seed` changes which tasks are drawn, never which pages are held out.
 *
 * @example
 * ```ts
 * import { loadAlmanac, taskSource, trainedCells } from "agentflow/almanac";
 *
 * const draw = taskSource(await loadAlmanac(), 7);
 * const [cell] = trainedCells;
 * if (cell !== undefined) console.log(draw(cell, "train", 0).question);
 * ```
 */
export const taskSource = (almanac: Almanac, seed: number | string): TaskSource => {
  anAlmanac(almanac, "taskSource: the almanac");
  const chains = chainsOf(almanac);
  const pools = new Map<string, Pool>();
  const pool = (asked: Asked, operation: Operation, split: Split): Pool => {
    const name = `${asked.path}.${asked.field}.${operation}`;
    const key = `${name} ${split}`;
    const known = pools.get(key) ?? poolOf(chains(asked.path), asked, operation, split);
    pools.set(key, known);
    if (known.length === 0) throw new TaskError(`The Almanac has no page for ${name} in the ${split} split.`);
    return known;
  };
  const draw = (cell: Cell, split: Split, draws: Random, paraphrase: Paraphrase) => {
    const picked = cell.asked.map((asked) => draws.pick(draws.pick(pool(asked, cell.operation, split))));
    const pages = picked.flatMap((chain) => chain.pages.map(({ id }) => id));
    // A page that is needed twice would need a repeated call.
    if (new Set(pages).size < pages.length) return undefined;
    const fields = picked.map(({ pages }, i) => pages.at(-1)?.fields[cell.asked[i]?.field ?? ""]);
    const answer = answerOf(
      cell.operation,
      fields.flatMap((field) => field ?? []),
    );
    if (answer === undefined || answer.answer === "0") return undefined;
    if (cell.operation !== "value" && isStated(answer.answer, picked)) return undefined;
    const subjects = cell.asked.map((asked, i) => ({ ...asked, clue: picked[i]?.clue ?? "" }));
    const question = composeQuestion(cell.operation, subjects, draws, paraphrase);
    if (question.split(" ").length > longestQuestion[cell.role]) return undefined;
    const entryPages = picked.flatMap(({ pages: [entry] }) => entry?.id ?? []);
    return { answer, question, pages, entryPages, plan: actionsOf(picked, cell) };
  };
  return (cell, split, index, paraphrase = "trained") => {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const draws = random(randomKey(seed, "almanac task", cell.name, split, paraphrase, index, attempt));
      const drawn = draw(cell, split, draws, paraphrase);
      if (drawn === undefined) continue;
      const { answer, question, pages, entryPages, plan } = drawn;
      const { name: family, role, operation, asked } = cell;
      const id = opaque(randomKey("task id", family, split, paraphrase, seed, index));
      const sealed = { ...answer, family, role, split, operation, asked, pages, entryPages, plan };
      return { id, question, turnLimit: plan.length + slack, sealed };
    }
    throw new TaskError(`No task of ${cell.name} in the ${split} split passed its checks in ${attempts} draws.`);
  };
};
