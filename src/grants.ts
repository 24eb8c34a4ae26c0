import { ConfigError } from "./errors.ts";
import { checked, listOf, name, type Rule, type Rules, ruleOf } from "./options.ts";
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
const patternOf = (granted: string): string | undefined => {
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
const grantRules: Rules<Grants> = { tools: listOf(name), hosts: listOf(granting), folders: listOf(name) };
export const grants: Rule = ruleOf(grantRules);

/** Whether a host may be reached: it is named, or lies below a `*.` name. Without a list every host may. */
export const grantsHost = (hosts: readonly string[] | undefined, host: string): boolean => {
  if (hosts === undefined) return true;
  const asked = hostName(host);
  return asked !== undefined && hosts.some((granted) => covers(patternOf(granted), asked));
};

/** Whether a pattern allows all that another pattern, or a host, does. */
const covers = (outer: string | undefined, inner: string | undefined): boolean =>
  outer !== undefined &&
  inner !== undefined &&
  (outer === inner || (outer.startsWith(".") && inner.endsWith(outer) && inner !== outer.slice(1)));

/**
 * What the inner grants say and the outer ones allow: a grant can only be narrowed. Folders are then named without links.
 * Throws `ConfigError` for invalid grants.
 */
export const narrow = (outer: Grants | undefined, inner: Grants | undefined): Grants | undefined => {
  if (outer !== undefined) checked("grants", outer, grantRules);
  if (inner !== undefined) checked("grants", inner, grantRules);
  if (outer === undefined || inner === undefined) return outer ?? inner;
  const narrowed: { -readonly [Name in keyof Grants]: Grants[Name] } = {};
  const tools = both(outer.tools, inner.tools, (names) => inner.tools?.filter((tool) => names.includes(tool)));
  const hosts = both(outer.hosts, inner.hosts, (granted) =>
    inner.hosts?.filter((host) => granted.some((one) => covers(patternOf(one), patternOf(host)))),
  );
  const folders = both(outer.folders, inner.folders, (granted) => foldersWithin(granted, inner.folders ?? []));
  if (tools !== undefined) narrowed.tools = tools;
  if (hosts !== undefined) narrowed.hosts = hosts;
  if (folders !== undefined) narrowed.folders = folders;
  return narrowed;
};

/** A limit that one of the two sets holds as it is; one that both set is what they have in common. */
const both = (
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
  common: (outer: readonly string[]) => readonly string[] | undefined,
): readonly string[] | undefined => (outer === undefined || inner === undefined ? (outer ?? inner) : common(outer));

const foldersWithin = (granted: readonly string[], folders: readonly string[]): string[] => {
  const outer = granted.flatMap((folder) => realFolder(folder) ?? []);
  return folders
    .flatMap((folder) => realFolder(folder) ?? [])
    .filter((path) => outer.some((one) => isWithin(one, path)));
};

/**
 * A folder without links: what a link points to is what is granted, and it cannot be made to point elsewhere later. What
 * does not exist yet is taken below the nearest folder that does. `..` is refused: behind a link it leads elsewhere.
 */
const realFolder = (folder: string): string | undefined => {
  if (/(?:^|[\\/])\.\.(?:[\\/]|$)/.test(folder)) return undefined;
  // Nothing of Node is loaded where there is no file system.
  const files = globalThis.process?.getBuiltinModule?.("node:fs");
  const paths = globalThis.process?.getBuiltinModule?.("node:path");
  if (files === undefined || paths === undefined) return folder;
  const linked = (path: string): boolean => {
    try {
      return files.lstatSync(path).isSymbolicLink();
    } catch {
      // There is nothing by that name, or it is not ours to see.
      return false;
    }
  };
  let existing = paths.resolve(folder);
  let rest = "";
  for (;;) {
    try {
      return paths.join(files.realpathSync.native(existing), rest);
    } catch {
      // Not there: its parent is looked at, but for a link that leads nowhere yet, and for the root.
      if (linked(existing) || existing === paths.dirname(existing)) return undefined;
      rest = paths.join(paths.basename(existing), rest);
      existing = paths.dirname(existing);
    }
  }
};

/** Whether a path lies in a folder or is it. Both are written out: no `..`, no links. */
const isWithin = (folder: string, path: string): boolean => {
  const [outer = "", inner = ""] = [folder, path].map((one) => one.replaceAll("\\", "/").replace(/(?<!\/)\/+$/, ""));
  return inner === outer || inner.startsWith(`${outer}/`);
};
