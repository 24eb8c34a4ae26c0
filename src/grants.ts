import { ConfigError } from "./errors.ts";
import { listOf, name, type Rule, type Rules, ruleOf } from "./options.ts";
import type { Grants } from "./tool.ts";

/** A host as addresses spell it: lower case, in ASCII, without a final dot. Undefined for what is not a host. */
const hostName = (text: string): string | undefined => {
  const bracketed = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
  if (/[\s/\\?#@%*]|\]./.test(bracketed) || !URL.canParse(`http://${bracketed}/`)) return undefined;
  const { hostname } = new URL(`http://${bracketed}/`);
  const plain = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  return plain === "" ? undefined : plain;
};

/** A granted host in one spelling: a name, or `.example.org` for all below it. Undefined for what grants nothing. */
export const patternOf = (granted: string): string | undefined => {
  const below = granted.startsWith("*.");
  const host = hostName(below ? granted.slice(2) : granted);
  return host === undefined ? undefined : `${below ? "." : ""}${host}`;
};

const granting: Rule = (value, option) => {
  name(value, option);
  if (typeof value === "string" && patternOf(value) === undefined)
    throw new ConfigError(
      `${option} is ${JSON.stringify(value.slice(0, 60))}: accepted is a host, example.org, or *.example.org for all below it; no scheme, port or path. Leave hosts out to allow every host.`,
    );
};

/** What grants may say, and how. */
export const grantRules: Rules<Grants> = { tools: listOf(name), hosts: listOf(granting), folders: listOf(name) };
export const grants: Rule = ruleOf(grantRules);

/** Whether a host may be reached: it is named, or lies below a `*.` name. Without a list every host may. */
export const grantsHost = (hosts: readonly string[] | undefined, host: string): boolean => {
  if (hosts === undefined) return true;
  const asked = hostName(host);
  return asked !== undefined && hosts.some((granted) => covers(patternOf(granted), asked));
};

/** Whether a pattern allows all that another pattern, or a host, does. */
export const covers = (outer: string | undefined, inner: string | undefined): boolean =>
  outer !== undefined &&
  inner !== undefined &&
  (outer === inner || (outer.startsWith(".") && inner.endsWith(outer) && inner !== outer.slice(1)));
