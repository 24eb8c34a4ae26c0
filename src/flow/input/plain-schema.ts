import type { ConfigError } from "../../errors.ts";

/** A schema as a validator runs it: keywords that restrict, and references to `#/$defs/<name>` alone. */
export interface PlainSchema {
  readonly $ref?: string;
  readonly allOf?: readonly PlainNode[];
  readonly anyOf?: readonly PlainNode[];
  readonly oneOf?: readonly PlainNode[];
  readonly not?: PlainNode;
  readonly if?: PlainNode;
  readonly then?: PlainNode;
  readonly else?: PlainNode;
  readonly dependentSchemas?: Readonly<Record<string, PlainNode>>;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, PlainNode>>;
  readonly patternProperties?: Readonly<Record<string, PlainNode>>;
  readonly $defs?: Readonly<Record<string, PlainNode>>;
  readonly [keyword: string]: unknown;
}

export type PlainNode = PlainSchema | boolean;

export const DEFINITIONS = "#/$defs/";

/** Schemas that are asked about one value, before it is taken apart. */
const MOST_CHECKS = 10_000;

/** The schemas that a schema applies to the very same value. */
const inPlace = (schema: PlainSchema, root: PlainSchema): readonly (PlainNode | undefined)[] => [
  ...(schema.$ref === undefined ? [] : [root.$defs?.[schema.$ref.slice(DEFINITIONS.length)]]),
  ...(schema.allOf ?? []),
  ...(schema.anyOf ?? []),
  ...(schema.oneOf ?? []),
  ...Object.values(schema.dependentSchemas ?? {}),
  schema.not,
  schema.if,
  schema.then,
  schema.else,
];

/** Every schema within a schema, itself included, with no reference followed. */
export const schemasIn = (schema: PlainNode): PlainSchema[] => {
  const found: PlainSchema[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) for (const each of value) visit(each);
    else {
      found.push(value as PlainSchema);
      for (const [key, inner] of Object.entries(value)) {
        // Values and names, which may look like schemas.
        if (["enum", "const", "required", "type", "dependentRequired"].includes(key)) continue;
        if (["properties", "patternProperties", "dependentSchemas", "$defs"].includes(key)) visit(Object.values(inner));
        else visit(inner);
      }
    }
  };
  visit(schema);
  return found;
};

/** Refuses a schema that refers to itself for the same value, or that asks too many schemas about one value. */
export const refuseEndless = (root: PlainSchema, refuse: (what: string) => ConfigError): void => {
  const costs = new Map<PlainSchema, number>();
  const costOf = (schema: PlainNode | undefined): number => {
    if (typeof schema !== "object") return 0;
    const known = costs.get(schema);
    if (known === Number.POSITIVE_INFINITY) throw refuse("refers to itself without taking the value apart");
    if (known !== undefined) return known;
    costs.set(schema, Number.POSITIVE_INFINITY);
    const cost = inPlace(schema, root).reduce<number>((sum, inner) => sum + costOf(inner), 1);
    if (cost > MOST_CHECKS) throw refuse(`asks more than ${MOST_CHECKS} schemas about one value`);
    costs.set(schema, cost);
    return cost;
  };
  for (const schema of schemasIn(root)) costOf(schema);
};
