/** Look-ups whose results have named fields, and two calculations, of which a number of the asked unit ends a solve. */
import { type Field, type Toolset, tool } from "agentflow";
import { type Kind, type Row, world } from "./world.ts";

const textOf = (fields: Row): string =>
  Object.entries(fields)
    .map(([name, { value, unit }]) => [`${name}:`, value, unit].filter((part) => part !== undefined).join(" "))
    .join("\n");

const lookUp = (kind: Kind, description: string) =>
  tool<{ readonly name: string }>({
    description,
    inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    metadata: { pure: true },
    execute: ({ name }) => {
      const fields = world[kind].get(name);
      if (fields === undefined) throw new Error(`There is no ${kind} called ${name}.`);
      return { text: textOf(fields), fields };
    },
  });

/** A number with its unit. */
const TERM = /(-?\d+(?:\.\d+)?) ([a-z]+)/g;

/** Terms such as `135 seat`, as the rules write references to fields. */
const termsOf = (terms: string): readonly { readonly value: number; readonly unit: string }[] =>
  [...terms.matchAll(TERM)].map(([, value = "", unit = ""]) => ({ value: Number(value), unit }));

const calculation = (description: string, count: number, compute: (values: readonly number[]) => number) =>
  tool<{ readonly terms: string }>({
    description,
    inputSchema: { type: "object", properties: { terms: { type: "string" } }, required: ["terms"] },
    metadata: { computes: true, pure: true },
    execute: ({ terms }) => {
      const read = termsOf(terms);
      const [first] = read;
      if (first === undefined || read.length !== count || read.some(({ unit }) => unit !== first.unit))
        throw new Error(`It takes ${count === 1 ? "one number" : `${count} numbers of one unit`}.`);
      const value: Field = { kind: "number", value: compute(read.map((term) => term.value)), unit: first.unit };
      return { text: `${value.value} ${first.unit}`, fields: { value } };
    },
  });

export const tools: Toolset = {
  ferry: lookUp("ferry", "A ferry by its name: its captain, the island where it is at home, its seats, its speed."),
  captain: lookUp("captain", "A captain by name: the ferry, the island of birth, years at sea."),
  island: lookUp("island", "An island by its name: the ferry that calls there, its people, its height."),
  compare: calculation("How far two numbers of one unit are apart.", 2, ([a = 0, b = 0]) => Math.abs(a - b)),
  report: calculation("States a number as the answer.", 1, ([a = 0]) => a),
};
