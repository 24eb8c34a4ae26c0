import { expect, it } from "vitest";
import type { Field, ToolOutput } from "../../tool.ts";
import { calculate } from "../../tools/index.ts";
import { fieldTerm } from "./field-term.ts";

it.each(["ft", "km/h", "litre per second", "%", "€", "m³", "$/night", "in", "mod", "l/100 km", "US$ a month", "dB(A)"])(
  "a number in %s is what it was after a calculation took it as a term",
  async (unit) => {
    const field: Field = { kind: "number", value: -45.5, unit };
    const context = { abortSignal: new AbortController().signal };
    const output = (await calculate.execute({ expression: `value(${fieldTerm(field)})` }, context)) as ToolOutput;
    expect(output.fields?.value).toEqual(field);
  },
);
