/** What a travel agent looks into. Each tool answers by fields with units, to which later calls refer: `@1.hotel`. */
import { type Field, type Toolset, tool } from "agentflow";
import type { Row } from "../grid.ts";
import type { World } from "./world.ts";

/** What the numbers are, in the singular: questions that ask for crowns are answered by fields of the unit `crown`. */
const units: Readonly<Record<string, string>> = {
  price: "crown",
  fare: "crown",
  tram: "crown",
  ticket: "crown",
  fee: "crown",
  rooms: "room",
  guests: "guest",
  platforms: "platform",
  lockers: "locker",
  minutes: "minute",
  changes: "change",
  closes: "hour",
  people: "person",
  points: "point",
  stay: "day",
  tax: "percent",
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

export const tripTools = (world: World): Toolset => ({
  country: lookUp(
    world.country,
    "A country by its name: capital, national holiday, tax on hotels.",
    ["name"],
    "capital",
  ),
  city: lookUp(world.city, "A city by its name: its country, its main station, a ticket of its tram, people.", [
    "name",
  ]),
  station: lookUp(world.station, "A station by its name: its city, platforms, lockers, when it was opened.", ["name"]),
  connection: lookUp(world.connection, "The train from one station to another: minutes, fare, changes.", [
    "from",
    "to",
  ]),
  hotel: lookUp(world.hotel, "A hotel by its name: its city, the price of a night, rooms, when it was opened.", [
    "name",
  ]),
  museum: lookUp(
    world.museum,
    "A museum, gallery, tower or aquarium by its name: its city, the hotel beside it, the hour at which it closes, a ticket.",
    ["name"],
  ),
  traveller: lookUp(world.traveller, "A traveller by name: home, country of the passport, birth, points collected.", [
    "name",
  ]),
  booking: lookUp(world.booking, "A booking by its code: traveller, hotel, arrival, departure, guests.", ["code"]),
  visa: lookUp(
    world.visa,
    "The visa that a passport of one country needs for another one: its fee, and the days that one may stay.",
    ["passport", "country"],
  ),
});
