/** A small shop: products that suppliers make and warehouses keep. Everything is made up, and the same for every run. */
import { type Field, random, randomKey, type ToolOutput, tool } from "agentflow";

export interface Product {
  readonly name: string;
  readonly sku: string;
  readonly price: number;
  readonly weight: number;
  readonly supplier: Supplier;
  readonly warehouse: Warehouse;
  readonly units: number;
  readonly stars: number;
  readonly reviews: number;
}

export interface Supplier {
  readonly name: string;
  readonly country: string;
  readonly leadTime: number;
}

export interface Warehouse {
  readonly name: string;
  readonly zone: string;
  readonly pallets: number;
  readonly employees: number;
}

const draws = random(randomKey("shop"));
const between = (least: number, most: number): number => least + draws.below(most - least + 1);

export const countries = [
  "Austria",
  "Chile",
  "Denmark",
  "Estonia",
  "Ghana",
  "Italy",
  "Japan",
  "Kenya",
  "Norway",
  "Peru",
];
const zones = ["Z1", "Z2", "Z3", "Z4", "Z5"];

const suppliers = [
  "Aldgate",
  "Brightwell",
  "Corbet",
  "Dunmore",
  "Eastlake",
  "Farrow",
  "Glenfield",
  "Harlan",
  "Ibsen",
  "Jarrow",
  "Kestrel",
  "Lowell",
].map((name): Supplier => ({ name: `${name} Works`, country: draws.pick(countries), leadTime: between(3, 60) }));

const warehouses = ["North", "South", "East", "West", "Harbour", "Airport", "River", "Hill"].map(
  (name): Warehouse => ({
    name: `${name} Depot`,
    zone: draws.pick(zones),
    pallets: between(200, 4000),
    employees: between(12, 240),
  }),
);

const styles = [
  "Alpine",
  "Borough",
  "Cobalt",
  "Dakota",
  "Ember",
  "Fjord",
  "Granite",
  "Hudson",
  "Indigo",
  "Juniper",
  "Kodiak",
  "Lunar",
];
const things = ["Backpack", "Canteen", "Compass", "Hammock", "Jacket", "Lantern", "Stove", "Tarp", "Tent", "Thermos"];

export const products = styles.flatMap((style) =>
  things.map(
    (thing): Product => ({
      name: `${style} ${thing}`,
      sku: `${style.slice(0, 2).toUpperCase()}${between(100, 999)}-${thing.slice(0, 2).toUpperCase()}`,
      price: between(500, 40_000) / 100,
      weight: between(10, 900) / 100,
      supplier: draws.pick(suppliers),
      warehouse: draws.pick(warehouses),
      units: between(0, 900),
      stars: between(10, 50) / 10,
      reviews: between(0, 3000),
    }),
  ),
);

/** Dollars for a kilogram from a zone to a country. */
export const rateOf = (zone: string, country: string): number =>
  (150 + 37 * zones.indexOf(zone) + 61 * countries.indexOf(country)) / 100;

type Facts = Readonly<Record<string, string | readonly [value: number, unit: string]>>;

/** What a tool gives back: text for people, and fields that later calls refer to, such as `@1.supplier`. */
const facts = (of: Facts): ToolOutput => ({
  text: Object.entries(of)
    .map(([name, fact]) => `${name}: ${typeof fact === "string" ? fact : fact.join(" ")}`)
    .join("\n"),
  fields: Object.fromEntries(
    Object.entries(of).map(([name, fact]): [string, Field] => [
      name,
      typeof fact === "string" ? { kind: "text", value: fact } : { kind: "number", value: fact[0], unit: fact[1] },
    ]),
  ),
});

/** A tool throws when it finds nothing: the planner sees the message, and learns what fits. */
const found = <T>(thing: T | undefined, what: string): T => {
  if (thing === undefined) throw new Error(`There is no ${what}.`);
  return thing;
};

const texts = (...names: readonly string[]) => ({
  type: "object",
  properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
  required: names,
});

export const shopTools = {
  product: tool<{ name: string }>({
    description: "A product by its name: sku, price, weight, its supplier and its warehouse.",
    inputSchema: texts("name"),
    execute: ({ name }) => {
      const { sku, price, weight, supplier, warehouse } = found(
        products.find((one) => one.name === name),
        `product ${name}`,
      );
      return facts({
        sku,
        price: [price, "USD"],
        weight: [weight, "kg"],
        supplier: supplier.name,
        warehouse: warehouse.name,
      });
    },
  }),
  supplier: tool<{ name: string }>({
    description: "A supplier by its name: country and lead time.",
    inputSchema: texts("name"),
    execute: ({ name }) => {
      const { country, leadTime } = found(
        suppliers.find((one) => one.name === name),
        `supplier ${name}`,
      );
      return facts({ country, lead_time: [leadTime, "day"] });
    },
  }),
  warehouse: tool<{ name: string }>({
    description: "A warehouse by its name: shipping zone, room for pallets, employees.",
    inputSchema: texts("name"),
    execute: ({ name }) => {
      const { zone, pallets, employees } = found(
        warehouses.find((one) => one.name === name),
        `warehouse ${name}`,
      );
      return facts({ zone, room: [pallets, "pallet"], staff: [employees, "employee"] });
    },
  }),
  stock: tool<{ sku: string; warehouse: string }>({
    description: "Units of a product, by its sku, in a warehouse.",
    inputSchema: texts("sku", "warehouse"),
    execute: ({ sku, warehouse }) => {
      const kept = products.find((one) => one.sku === sku && one.warehouse.name === warehouse);
      return facts({ units: [found(kept, `${sku} in ${warehouse}`).units, "unit"] });
    },
  }),
  reviews: tool<{ sku: string }>({
    description: "What buyers say of a product, by its sku: stars and the number of reviews.",
    inputSchema: texts("sku"),
    execute: ({ sku }) => {
      const { stars, reviews } = found(
        products.find((one) => one.sku === sku),
        `product with the sku ${sku}`,
      );
      return facts({ stars: [stars, "star"], count: [reviews, "review"] });
    },
  }),
  shipping_rate: tool<{ zone: string; country: string }>({
    description: "Dollars a kilogram from a zone to a country.",
    inputSchema: texts("zone", "country"),
    execute: ({ zone, country }) => {
      if (!zones.includes(zone) || !countries.includes(country))
        throw new Error(`There is no rate from ${zone} to ${country}.`);
      return facts({ rate: [rateOf(zone, country), "USD"] });
    },
  }),
};
