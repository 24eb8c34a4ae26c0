/** Variations of what the shop is asked: families of two to five calls, each in several wordings. */
import { type Random, random, randomKey, type Task } from "agentflow";
import { countries, type Product, products, rateOf } from "./shop.ts";

/** What only the reward and the report see. */
export interface Sealed {
  readonly answer: number;
  /** A row of the report; families are drawn evenly, then by what they still teach. */
  readonly family: string;
  /** What the task is about: things of held-out tasks are in no training task. */
  readonly group: readonly string[];
  /** Of a family that is never trained. */
  readonly heldOut?: boolean;
}

interface Family {
  readonly name: string;
  /** `{a}` and `{b}` are products, `{c}` is a country. */
  readonly wordings: readonly string[];
  readonly answer: (a: Product, b: Product, country: string) => number;
  readonly heldOut?: boolean;
}

const families: readonly Family[] = [
  {
    name: "lead time",
    wordings: [
      "How many days does the supplier of {a} need?",
      "What is the lead time in days of the supplier of {a}?",
      "Give, in days, the lead time of whoever supplies {a}.",
    ],
    answer: (a) => a.supplier.leadTime,
  },
  {
    name: "stock",
    wordings: [
      "How many units of {a} are in stock?",
      "What is the number of units of {a} in its warehouse?",
      "Count how many units of {a} we have in stock.",
    ],
    answer: (a) => a.units,
  },
  {
    name: "staff",
    wordings: [
      "How many employees work where {a} is kept?",
      "What is the number of employees of the warehouse of {a}?",
      "How many employees does the warehouse that keeps {a} have?",
    ],
    answer: (a) => a.warehouse.employees,
  },
  {
    name: "reviews",
    wordings: [
      "How many reviews does {a} have?",
      "What is the number of reviews of {a}?",
      "Count how many reviews {a} has got.",
    ],
    answer: (a) => a.reviews,
  },
  {
    name: "rate",
    wordings: [
      "What does a kilogram of {a} cost to ship to {c}, in dollars?",
      "In dollars, what is the rate to ship {a} to {c}?",
      "Give the shipping rate of {a} to {c} in dollars.",
    ],
    answer: (a, _, country) => rateOf(a.warehouse.zone, country),
  },
  {
    name: "rate to supplier",
    wordings: [
      "What is the rate in dollars to return {a} to the country of its supplier?",
      "In dollars, what does a kilogram of {a} cost on its way back to its supplier?",
      "Give the rate in dollars at which {a} goes back to its supplier.",
    ],
    answer: (a) => rateOf(a.warehouse.zone, a.supplier.country),
  },
  {
    name: "price difference",
    wordings: [
      "By how many dollars do {a} and {b} differ in price?",
      "What is the difference in price between {a} and {b}, in dollars?",
      "In dollars, how far apart are the prices of {a} and {b}?",
    ],
    answer: (a, b) => Math.abs(a.price - b.price),
  },
  {
    name: "weight sum",
    wordings: [
      "How many kilograms do {a} and {b} weigh together?",
      "What is the total weight of {a} and {b} in kilograms?",
      "In kilograms, what is the sum of the weights of {a} and {b}?",
    ],
    answer: (a, b) => a.weight + b.weight,
  },
  {
    name: "stock difference",
    wordings: [
      "By how many units do {a} and {b} differ in stock?",
      "What is the difference in number of units in stock between {a} and {b}?",
      "How many units lie between the stock of {a} and that of {b}?",
    ],
    answer: (a, b) => Math.abs(a.units - b.units),
  },
  {
    name: "lead time difference",
    wordings: [
      "By how many days do the suppliers of {a} and {b} differ in lead time?",
      "What is the difference in days between the lead time of the supplier of {a} and that of {b}?",
      "How many days lie between the lead times of the suppliers of {a} and {b}?",
    ],
    answer: (a, b) => Math.abs(a.supplier.leadTime - b.supplier.leadTime),
  },
  {
    name: "price sum",
    wordings: [
      "How many dollars do {a} and {b} cost together?",
      "What is the total price of {a} and {b} in dollars?",
      "In dollars, what is the sum of the prices of {a} and {b}?",
    ],
    answer: (a, b) => a.price + b.price,
    heldOut: true,
  },
];

/** Each family needs two entities, or one, or one and a country: what the wording does not name is not drawn. */
const taskOf = (family: Family, index: number, draws: Random): Task<Sealed> => {
  const wording = draws.pick(family.wordings);
  const pair = wording.includes("{b}");
  const [a, b] = draws.shuffle(products);
  if (a === undefined || b === undefined) throw new Error("The shop has no products.");
  const twins = a.supplier === b.supplier || a.price === b.price || a.units === b.units;
  if (pair && twins) return taskOf(family, index, draws);
  const country = draws.pick(countries);
  return {
    id: `${family.name.replaceAll(" ", "-")}-${index}`,
    question: wording.replace("{a}", a.name).replace("{b}", b.name).replace("{c}", country),
    sealed: {
      answer: Number(family.answer(a, b, country).toFixed(2)),
      family: family.name,
      group: pair ? [a.name, b.name] : [a.name],
      ...(family.heldOut === true && { heldOut: true }),
    },
  };
};

/** `perFamily` variations of each family; the same seed gives the same tasks. */
export const shopTasks = ({ seed, perFamily = 80 }: { seed: number; perFamily?: number }): Task<Sealed>[] => {
  const asked = new Set<string>();
  return families.flatMap((family) => {
    const draws = random(randomKey("tasks", seed, family.name));
    const made: Task<Sealed>[] = [];
    while (made.length < perFamily) {
      const task = taskOf(family, made.length, draws);
      if (asked.has(task.question)) continue;
      asked.add(task.question);
      made.push(task);
    }
    return made;
  });
};
