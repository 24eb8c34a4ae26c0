/** Questions about the archipelago. Those that measure name nobody that a training question names. */
import { type Random, random, randomKey, type Task } from "agentflow";
import { type Kind, world } from "./world.ts";

export interface Sealed {
  readonly answer: string;
  readonly family: string;
  /** The shortest plan, one action a turn. */
  readonly plan: readonly string[];
}

export type ArchipelagoTask = Task<Sealed>;

interface Family {
  readonly name: string;
  /** What the question names, in order. */
  readonly names: readonly Kind[];
  /** `{1}` and `{2}` are the names. */
  readonly wordings: readonly string[];
  readonly plan: readonly string[];
}

/** Turns of a solve: two more than the longest plan needs. */
export const TURNS = 5;

export const families: readonly Family[] = [
  {
    name: "seats of a ferry",
    names: ["ferry"],
    wordings: [
      "How many seats does the {1} have?",
      "What is the number of seats on the {1}?",
      "How many seats are there on the ferry {1}?",
    ],
    plan: ["ferry q1", "report @1.seats"],
  },
  {
    name: "years of a captain",
    names: ["captain"],
    wordings: [
      "How many years has {1} been at sea?",
      "For how many years has captain {1} sailed?",
      "What is the number of years that {1} has spent at sea?",
    ],
    plan: ["captain q1", "report @1.years"],
  },
  {
    name: "captain of a ferry",
    names: ["ferry"],
    wordings: [
      "How many years has the captain of the {1} been at sea?",
      "For how many years has whoever commands the {1} sailed?",
      "The {1} has a captain: for how many years at sea?",
    ],
    plan: ["ferry q1", "captain @1.captain", "report @2.years"],
  },
  {
    name: "home of a ferry",
    names: ["ferry"],
    wordings: [
      "How many people live where the {1} is at home?",
      "How many people has the home island of the {1}?",
      "What is the number of people on the island where the {1} is at home?",
    ],
    plan: ["ferry q1", "island @1.island", "report @2.people"],
  },
  {
    name: "birthplace of a captain",
    names: ["captain"],
    wordings: [
      "How many metres high is the island where {1} was born?",
      "How many metres does the birthplace of {1} rise?",
      "Captain {1} was born on an island: how many metres high?",
    ],
    plan: ["captain q1", "island @1.island", "report @2.height"],
  },
  {
    name: "ferry of a captain",
    names: ["captain"],
    wordings: [
      "How many seats has the ferry that {1} commands?",
      "How many seats are there on the ferry of captain {1}?",
      "What is the number of seats on the ferry under {1}?",
    ],
    plan: ["captain q1", "ferry @1.ferry", "report @2.seats"],
  },
  {
    name: "two ferries",
    names: ["ferry", "ferry"],
    wordings: [
      "By how many seats do the {1} and the {2} differ?",
      "How many seats more or less than the {2} has the {1}?",
      "What is the difference in the number of seats between the {1} and the {2}?",
    ],
    plan: ["ferry q1", "ferry q2", "compare @1.seats @2.seats"],
  },
  {
    name: "two islands",
    names: ["island", "island"],
    wordings: [
      "By how many people do {1} and {2} differ?",
      "How many people more or fewer than {2} has {1}?",
      "What is the difference in the number of people between {1} and {2}?",
    ],
    plan: ["island q1", "island q2", "compare @1.people @2.people"],
  },
];

export type Split = "train" | "unseen";

/** Of each table every third row is named by measuring questions only. */
const namesOf = (kind: Kind, split: Split): readonly string[] =>
  [...world[kind].keys()].filter((_, i) => (i % 3 === 2) === (split === "unseen"));

const fill = (text: string, named: readonly string[]): string =>
  text.replace(/\{(\d)\}/g, (_, n) => named[Number(n) - 1] ?? "");

const draw = (
  { name: family, names, wordings, plan }: Family,
  split: Split,
  id: string,
  draws: Random,
): ArchipelagoTask => {
  const named: string[] = [];
  for (const kind of names) named.push(draws.pick(namesOf(kind, split).filter((one) => !named.includes(one))));
  const question = fill(draws.pick(wordings), named);
  return { id, question, sealed: { family, plan, answer: answerOf(question, named, plan) } };
};

/** Walks the plan through the tables: `q1` and `q2` in order of appearance in the question. */
const answerOf = (question: string, named: readonly string[], plan: readonly string[]): string => {
  const inOrder = [...named].sort((a, b) => question.indexOf(a) - question.indexOf(b));
  const rows: Readonly<Record<string, { readonly value: string | number }>>[] = [];
  const termValue = (term: string): string | number => {
    const [, entity, at, field = ""] = /^(?:q(\d)|@(\d)\.(\w+))$/.exec(term) ?? [];
    return entity === undefined ? (rows[Number(at) - 1]?.[field]?.value ?? "") : (inOrder[Number(entity) - 1] ?? "");
  };
  for (const action of plan) {
    const [tool = "", ...terms] = action.split(" ");
    const values = terms.map(termValue);
    if (tool === "report") return String(values[0]);
    if (tool === "compare") return String(Math.abs(Number(values[0]) - Number(values[1])));
    rows.push(world[tool as Kind].get(String(values[0])) ?? {});
  }
  throw new Error(`The plan ${plan.join(", ")} ends without an answer.`);
};

/** The `index`-th task of a split; families take turns. */
export const taskAt = (split: Split, seed: number, index: number): ArchipelagoTask => {
  const draws = random(randomKey("task", split, seed, index));
  const family = families[index % families.length];
  if (family === undefined) throw new Error("There are no families.");
  return draw(family, split, `${split}-${seed}-${index}`, draws);
};

export const tasks = (split: Split, seed: number, count: number): ArchipelagoTask[] => {
  const drawn: ArchipelagoTask[] = [];
  const asked = new Set<string>();
  for (let index = 0; drawn.length < count; index += 1) {
    const task = taskAt(split, seed, index);
    if (split === "unseen" && asked.has(task.question)) continue;
    asked.add(task.question);
    drawn.push(task);
  }
  return drawn;
};

export const reward = ({ sealed }: ArchipelagoTask, answer: string | undefined): number =>
  Number(answer === sealed.answer);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The task that a question is, where it is one of ours, whoever it names; undefined for any other question. */
export const recognise = (question: string): ArchipelagoTask | undefined => {
  const asked = question.trim();
  for (const { name: family, names, wordings, plan } of families)
    for (const wording of wordings) {
      const pattern = new RegExp(`^${escaped(wording).replace(/\\\{(\d)\\\}/g, "(?<n$1>.{1,40})")}$`);
      const groups = pattern.exec(asked)?.groups;
      const named = names.map((_, i) => groups?.[`n${i + 1}`] ?? "");
      if (groups !== undefined && names.every((kind, i) => world[kind].has(named[i] ?? "")))
        return { id: "asked", question: asked, sealed: { family, plan, answer: answerOf(asked, named, plan) } };
    }
  return undefined;
};
