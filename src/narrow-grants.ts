import { covers, grantRules, patternOf } from "./grants.ts";
import { checked } from "./options.ts";
import type { Grants } from "./tool.ts";

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
