import type { PlainSchema } from "../flow/input/plain-schema.ts";

/** Schemas that several routes share. Those of one route stand beside it. */

export const text: PlainSchema = { type: "string" };
export const count: PlainSchema = { type: "integer", minimum: 0 };
export const number: PlainSchema = { type: "number" };
export const nullable = (type: string): PlainSchema => ({ type: [type, "null"] });

/** An object with these properties, all of which are there. */
export const objectOf = (
  properties: Readonly<Record<string, PlainSchema>>,
  optional: readonly string[] = [],
): PlainSchema => ({
  type: "object",
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

export const listOf = (items: PlainSchema): PlainSchema => ({ type: "array", items });

/** What every answer says of itself, beside what the client's protocol has a place for. */
export const answerFacts: PlainSchema = objectOf({
  trajectory: text,
  policy: {
    ...nullable("string"),
    description: "Content hash of the weights that planned; null where none are trained.",
  },
  arm: { enum: ["serving", "candidate", "named"], description: "Which version answered, and why." },
  status: { enum: ["solved", "partial", "failed"] },
  stopReason: text,
  answer: nullable("string"),
  turns: count,
  calls: count,
  seconds: number,
  conversation: { enum: ["none", "given", "left out"], description: "Whether the planner read the earlier messages." },
  ignored: { ...listOf(text), description: "Fields of the request that a flow has no use for." },
});

const contentPart: PlainSchema = {
  type: "object",
  required: ["type"],
  properties: { type: text, text: { type: "string", maxLength: 200_000 } },
};
const content: PlainSchema = {
  anyOf: [
    { type: "string", maxLength: 200_000 },
    { type: "array", maxItems: 64, items: contentPart },
    { type: "null" },
  ],
};

/** A message of a request, in either of OpenAI's two protocols. */
export const message: PlainSchema = {
  type: "object",
  required: ["role", "content"],
  properties: { role: { enum: ["system", "developer", "user", "assistant", "tool", "function"] }, content },
};

/** Fields of a request that both of OpenAI's protocols share. */
export const requestFields: Readonly<Record<string, PlainSchema>> = {
  model: { type: "string", minLength: 1, maxLength: 200 },
  stream: { type: ["boolean", "null"] },
  tools: { type: ["array", "null"], maxItems: 128, items: { type: "object" } },
  user: { type: ["string", "null"], maxLength: 512 },
  safety_identifier: { type: ["string", "null"], maxLength: 512 },
};
