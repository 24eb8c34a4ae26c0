import type { JsonSchema } from "../../tool.ts";
import { argumentValue } from "../arguments.ts";

/** Values of the wrong JSON type that can only mean one thing: "3" for a number, 3 for a text, "true" for a truth value. */
export const coerce = (
  input: Readonly<Record<string, unknown>> | undefined,
  schema: JsonSchema | undefined,
): Record<string, unknown> | undefined => {
  if (input === undefined) return undefined;
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, { readonly type?: unknown }>>;
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => {
      const type = Object.hasOwn(properties, name) ? properties[name]?.type : undefined;
      if (type === "string" && (typeof value === "number" || typeof value === "boolean")) return [name, String(value)];
      if ((type === "number" || type === "integer") && typeof value === "string" && value.trim() !== "") {
        return [name, argumentValue({ kind: "text", value }, type)];
      }
      if (type === "boolean" && (value === "true" || value === "false")) return [name, value === "true"];
      return [name, value];
    }),
  );
};
