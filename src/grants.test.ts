import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError } from "./errors.ts";
import { grantsHost } from "./grants.ts";
import { narrow } from "./narrow-grants.ts";
import type { Grants } from "./tool.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "agentflow-grants-")));
afterAll(() => rmSync(root, { recursive: true }));
for (const folder of ["data/a/b", "database", "other"]) mkdirSync(join(root, folder), { recursive: true });
symlinkSync(join(root, "other"), join(root, "data", "link"));
symlinkSync(join(root, "data"), join(root, "alias"));
symlinkSync(join(root, "later"), join(root, "data", "dangling"));
const within = (path: string): string => join(root, path);

const hosts = ["example.org", "a.example.org", "b.a.example.org", "evilexample.org", "org", "127.0.0.1", "::1"];
const askedHosts = [...hosts, "EXAMPLE.org.", "xn--bcher-kva.example", "any.example.org", "x.org", "bücher.example"];
const grantedHosts = fc.constantFrom(
  ...hosts,
  "*.example.org",
  "*.a.example.org",
  "*.org",
  "*.EXAMPLE.ORG.",
  "Example.Org",
  "any.example.org",
  "bücher.example",
  "*.bücher.example",
  "[::1]",
  "127.1",
);
const tools = ["calculate", "calc", "web_page", "Calculate"];
const folders = [
  "data",
  "data/a",
  "data/a/b",
  "database",
  "other",
  "data/link",
  "alias",
  "alias/a",
  "data/a/../a",
  ".",
];

const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<readonly T[] | undefined> =>
  fc.option(fc.array(one, { maxLength: 4 }), { nil: undefined });
const anyGrants: fc.Arbitrary<Grants | undefined> = fc.option(
  fc
    .record({
      tools: some(fc.constantFrom(...tools)),
      hosts: some(grantedHosts),
      folders: some(fc.constantFrom(...folders.map((folder) => `${root}/${folder}`))),
    })
    .map((made) => Object.fromEntries(Object.entries(made).filter(([, list]) => list !== undefined))),
  { nil: undefined },
);

const known = new Map<string, string>();
const real = (path: string): string => {
  const found = known.get(path) ?? realpathSync(path);
  known.set(path, found);
  return found;
};

/** All of a small world that grants allow: judged by what is really read, links followed. */
const allowed = (grants: Grants | undefined): ReadonlySet<string> => {
  const readable = (path: string): boolean =>
    grants?.folders === undefined ||
    grants.folders.some((folder) => real(path) === real(folder) || real(path).startsWith(real(folder) + sep));
  return new Set([
    ...tools.filter((name) => grants?.tools?.includes(name) ?? true),
    ...askedHosts.filter((host) => grantsHost(grants?.hosts, host)),
    ...folders.filter((folder) => readable(`${root}/${folder}`)),
  ]);
};

describe("narrow", () => {
  it("never widens: what it allows, both allow", () => {
    fc.assert(
      fc.property(anyGrants, anyGrants, (a, b) => {
        const both = allowed(narrow(a, b));
        const [one, other] = [allowed(a), allowed(b)];
        const beyond = [...both].filter((thing) => !one.has(thing) || !other.has(thing));
        if (beyond.length > 0) throw new Error(`allowed, and not by both: ${beyond.join(", ")}`);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps a wildcard out of a single host, and a sibling out of a folder", () => {
    expect(narrow({ hosts: ["any.example.org"] }, { hosts: ["*.example.org"] })).toEqual({ hosts: [] });
    expect(narrow({ hosts: ["*.example.org"] }, { hosts: ["example.org"] })).toEqual({ hosts: [] });
    expect(narrow({ folders: [within("data")] }, { folders: [within("database")] })).toEqual({ folders: [] });
    expect(narrow({ folders: [within("data")] }, { folders: [`${root}/data/../other`] })).toEqual({ folders: [] });
    expect(narrow({ tools: [] }, { tools: ["calculate"] })).toEqual({ tools: [] });
    expect(narrow({ tools: [] }, undefined)).toEqual({ tools: [] });
    expect(narrow({}, { tools: [] })).toEqual({ tools: [] });
  });

  it("looks through links: where they lead is what is granted", () => {
    expect(narrow({ folders: [within("data")] }, { folders: [within("data/link")] })).toEqual({ folders: [] });
    expect(narrow({ folders: [within("data")] }, { folders: [within("data/dangling")] })).toEqual({ folders: [] });
    expect(narrow({ folders: [within("alias")] }, { folders: [within("data/a")] })).toEqual({
      folders: [within("data/a")],
    });
    expect(narrow({ folders: [within("data")] }, { folders: [within("data/new")] })).toEqual({
      folders: [within("data/new")],
    });
  });
});

describe("a host", () => {
  it.each([
    [["bücher.example"], "xn--bcher-kva.example", true],
    [["XN--BCHER-KVA.example."], "bücher.example", true],
    [["127.1"], "127.0.0.1", true],
    [["[::1]"], "0:0:0:0:0:0:0:1", true],
    [["*.org"], "org", false],
    [["*.example.org"], "example.org.evil.net", false],
    [["example.org"], "example.org:80", false],
    [["example.org"], "example.org/x", false],
    [["example.org"], "user@example.org", false],
    [["example.org"], "", false],
    [[], "example.org", false],
  ])("of %j is %s: %s", (granted, host, expected) => {
    expect(grantsHost(granted, host)).toBe(expected);
  });
});

it.each([
  ["tools as a text", { tools: "calculate" }],
  ["a misspelt name", { host: ["example.org"] }],
  ["a misspelt name beside a good one", { tools: ["a"], folder: ["/data"] }],
  ["a host that is none", { hosts: ["https://example.org"] }],
  ["a host with a port", { hosts: ["example.org:80"] }],
  ["a lone star", { hosts: ["*"] }],
  ["a star inside", { hosts: ["a.*.org"] }],
  ["an empty name", { tools: [""] }],
  ["a number", { tools: [5] }],
  ["null", { tools: null }],
  ["a list", ["calculate"]],
])("%s is a ConfigError", (_, grants) => {
  expect(() => narrow(grants as Grants, undefined)).toThrow(ConfigError);
  expect(() => narrow(undefined, grants as Grants)).toThrow(ConfigError);
});
