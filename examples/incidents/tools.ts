/** What an engineer on call looks into. Each tool answers by fields with units, to which later calls refer: `@1.service`. */
import { type Field, type Toolset, tool } from "agentflow";
import type { Row } from "../grid.ts";
import type { World } from "./world.ts";

/** What the numbers are, in the singular: questions that ask for replicas are answered by fields of the unit `replica`. */
const units: Readonly<Record<string, string>> = {
  replicas: "replica",
  minutes: "minute",
  customers: "customer",
  lines: "line",
  members: "member",
  shifts: "shift",
  errors: "error",
  warnings: "warning",
};

const fieldOf = (name: string, value: string | number): Field => {
  const unit = units[name];
  if (typeof value === "number") return { kind: "number", value, ...(unit !== undefined && { unit }) };
  return { kind: /^\d{4}-\d\d-\d\d$/.test(value) ? "date" : "text", value };
};

/** A tool over a table, called with the arguments that make the key of a row. It throws where there is none. */
const lookUp = (rows: ReadonlyMap<string, Row>, description: string, names: readonly string[], answerField?: string) =>
  tool<Readonly<Record<string, string>>>({
    description,
    inputSchema: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
      required: names,
    },
    metadata: { pure: true, ...(answerField !== undefined && { answerField }) },
    execute: (input) => {
      const key = names.map((name) => input[name]).join(" ");
      const row = rows.get(key);
      if (row === undefined) throw new Error(`There is nothing for ${key}.`);
      const fields = Object.entries(row).map(([name, value]): [string, Field] => [name, fieldOf(name, value)]);
      const text = fields.map(([name, { value, unit }]) => [`${name}:`, value, unit].join(" ").trim()).join("\n");
      return { text, fields: Object.fromEntries(fields) };
    },
  });

export const incidentTools = (world: World): Toolset => ({
  service: lookUp(
    world.service,
    "A service by its name: the team that owns it, its latest deployment and last incident, replicas, launch.",
    ["name"],
  ),
  incident: lookUp(
    world.incident,
    "An incident by its id: the service it hit, the deployment that caused it, when it opened, its minutes, customers hit.",
    ["id"],
  ),
  deployment: lookUp(
    world.deployment,
    "A deployment by its id: its service, who wrote it, when it was shipped, lines changed.",
    ["id"],
    "author",
  ),
  team: lookUp(world.team, "A team by its name: who leads it, its members, when it was formed.", ["name"], "lead"),
  rota: lookUp(world.rota, "The rota of a team: who is on call, the deputy, the next handover.", ["team"], "primary"),
  engineer: lookUp(world.engineer, "An engineer by name: the team, when they joined, shifts on call until now.", [
    "name",
  ]),
  logs: lookUp(world.logs, "The log of a service on a day: errors and warnings.", ["service", "day"]),
});
