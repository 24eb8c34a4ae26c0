import type { Grants } from "./tool.ts";

/** Whether a host may be reached: it is named, or lies below a `*.` name. Without a list every host may. */
export const grantsHost = (hosts: readonly string[] | undefined, host: string): boolean => {
  if (hosts === undefined) return true;
  const asked = host.toLowerCase().replace(/\.$/, "");
  return hosts.some((name) => {
    const granted = name.toLowerCase();
    return granted.startsWith("*.") ? asked.endsWith(granted.slice(1)) : asked === granted;
  });
};

/** What both allow: a grant can only be narrowed. */
export const narrow = (outer: Grants | undefined, inner: Grants | undefined): Grants | undefined => {
  if (outer === undefined || inner === undefined) return outer ?? inner;
  const tools = both(outer.tools, inner.tools, (name, names) => names.includes(name));
  const hosts = both(outer.hosts, inner.hosts, (name, names) => grantsHost(names, name.replace(/^\*/, "any")));
  const folders = both(outer.folders, inner.folders, (path, paths) => paths.some((one) => isWithin(one, path)));
  return {
    ...(tools === undefined ? {} : { tools }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(folders === undefined ? {} : { folders }),
  };
};

const both = (
  outer: readonly string[] | undefined,
  inner: readonly string[] | undefined,
  allowed: (name: string, names: readonly string[]) => boolean,
): readonly string[] | undefined =>
  outer === undefined || inner === undefined ? (outer ?? inner) : inner.filter((name) => allowed(name, outer));

/** Whether a path lies in a folder or is it. Both are written out: no `..`, one kind of slash. */
const isWithin = (folder: string, path: string): boolean => {
  const [outer, inner] = [folder, path].map((one) => one.replaceAll("\\", "/").replace(/(?<!\/)\/+$/, ""));
  if (outer === undefined || inner === undefined || inner.split("/").includes("..")) return false;
  return inner === outer || inner.startsWith(`${outer}/`);
};
