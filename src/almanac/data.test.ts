import { createHash } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { TaskError } from "../errors.ts";
import { type Almanac, loadAlmanac } from "./data.ts";
import type { Page } from "./page.ts";

const dataFolder = new URL("../../data/", import.meta.url);
/** Text fields that name another page, and its kind. */
const links: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  airport: { country: "territory" },
  territory: { currency: "currency", region: "region" },
  region: { continent: "region" },
  release: { line: "line" },
  line: { first: "release", latest: "release" },
};
/** Fields that every page of the kind has. */
const constant: Readonly<Record<string, readonly string[]>> = {
  airport: ["city", "country", "elevation", "latitude", "longitude", "position"],
  territory: ["population", "gdp", "literacy", "currency", "adopted", "region"],
  currency: ["introduced", "territories", "digits"],
  region: ["territories", "population", "gdp"],
  element: ["number", "isotopes", "heaviest"],
  release: ["date", "line", "engine"],
  line: ["first", "latest", "releases", "started", "maintenance", "end"],
  person: [],
  event: ["date"],
};

const isRealDate = (value: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(value) && new Date(`${value}T00:00:00Z`).toISOString().slice(0, 10) === value;
const longDate = (iso: string): string =>
  new Date(`${iso}T00:00:00Z`).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
const pageOf = (almanac: Almanac, id: string): Page => {
  const page = almanac.byId.get(id);
  if (page === undefined) throw new Error(`no page ${id}`);
  return page;
};

let almanac: Almanac;
beforeAll(async () => {
  almanac = await loadAlmanac();
});

describe("the Almanac", () => {
  it("holds the kinds and counts that its manifest states", async () => {
    const manifest = JSON.parse(await readFile(new URL("almanac.manifest.json", dataFolder), "utf8"));
    const counts: Record<string, number> = {};
    for (const { kind } of almanac.pages) counts[kind] = (counts[kind] ?? 0) + 1;
    expect(counts).toEqual(manifest.kinds);
    expect(Object.keys(counts).sort()).toEqual(Object.keys(constant).sort());
    expect(almanac.pages.length).toBeGreaterThan(5000);
    expect(almanac.byId.size).toBe(almanac.pages.length);
    expect(almanac.hash).toBe(manifest.sha256);
    expect(manifest.bytes).toBeLessThan(500_000);
  });

  it("gives each page of a kind names of its own", () => {
    const owners = new Map<string, string>();
    const shared: string[] = [];
    for (const page of almanac.pages) {
      for (const name of new Set([page.title, ...page.names].map((each) => `${page.kind} ${each.toLowerCase()}`))) {
        if (owners.has(name)) shared.push(`${name}: ${owners.get(name)}, ${page.id}`);
        owners.set(name, page.id);
      }
    }
    expect(shared).toEqual([]);
  });

  it("resolves every text field that names a page", () => {
    const titles = new Set(almanac.pages.map(({ kind, title }) => `${kind}|${title}`));
    const broken = almanac.pages.flatMap((page) =>
      Object.entries(links[page.kind] ?? {})
        .filter(([name, kind]) => page.fields[name] && !titles.has(`${kind}|${page.fields[name].value}`))
        .map(([name]) => `${page.id} ${name}`),
    );
    expect(broken).toEqual([]);
  });

  it("states finite numbers with units, real dates and non-empty texts", () => {
    const wrong = almanac.pages.flatMap((page) =>
      Object.entries(page.fields)
        .filter(([name, { kind, value, unit }]) => {
          if (!/^[a-z]+$/.test(name)) return true;
          if (kind === "number") return typeof value !== "number" || !Number.isFinite(value) || unit === undefined;
          if (typeof value !== "string" || value === "") return true;
          return kind === "date" && !isRealDate(value);
        })
        .map(([name]) => `${page.id} ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has the fields of its kind on every page", () => {
    const lacking = almanac.pages.flatMap((page) =>
      (constant[page.kind] ?? []).filter((name) => !(name in page.fields)).map((name) => `${page.id} ${name}`),
    );
    expect(lacking).toEqual([]);
  });

  it("states every date of a prose page in words, in a short text", () => {
    const prose = almanac.pages.filter(({ form }) => form === "prose");
    expect(new Set(prose.map(({ kind }) => kind))).toEqual(new Set(["person", "event"]));
    const silent = prose.filter(
      ({ text, fields }) =>
        text.length > 300 ||
        Object.keys(fields).length === 0 ||
        Object.values(fields).some(({ value }) => !text.includes(longDate(String(value)))),
    );
    expect(silent.map(({ id }) => id)).toEqual([]);
  });

  it("knows published facts", () => {
    expect(pageOf(almanac, "airport/LOS").fields).toMatchObject({
      city: { value: "Lagos" },
      country: { value: "Nigeria" },
      elevation: { value: 135, unit: "ft" },
    });
    expect(pageOf(almanac, "territory/NG").fields).toMatchObject({
      currency: { value: "Nigerian Naira" },
      adopted: { value: "1973-01-01" },
      region: { value: "Western Africa" },
    });
    expect(pageOf(almanac, "element/Fe").fields).toMatchObject({
      number: { value: 26 },
      mass: { value: 55.8451, unit: "u" },
      neutrons: { value: 30 },
    });
    expect(pageOf(almanac, "line/18").fields).toMatchObject({ first: { value: "Node.js 18.0.0" } });
    expect(pageOf(almanac, "person/jakob-grimm")).toMatchObject({
      text: "Jakob Grimm was born on 4 January 1785.",
      fields: { born: { value: "1785-01-04" } },
    });
  });
});

describe("loadAlmanac", () => {
  const folders: string[] = [];
  afterEach(async () => {
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
  });
  const copy = async () => {
    const folder = await mkdtemp(join(tmpdir(), "almanac-"));
    folders.push(folder);
    for (const file of ["almanac.json.gz", "almanac.manifest.json"]) {
      await copyFile(new URL(file, dataFolder), join(folder, file));
    }
    return { data: join(folder, "almanac.json.gz"), manifest: join(folder, "almanac.manifest.json"), folder };
  };
  const load = (folder: string) => loadAlmanac(pathToFileURL(`${folder}/`));

  it("refuses a damaged data file, naming it and both hashes", async () => {
    const { data, folder } = await copy();
    const bytes = await readFile(data);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(data, bytes);
    const found = createHash("sha256").update(bytes).digest("hex");
    const error = await load(folder).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskError);
    for (const part of [data, almanac.hash, found]) expect(String(error)).toContain(part);
  });

  it("refuses a missing file, a manifest that is not JSON and another version", async () => {
    const { data, manifest, folder } = await copy();
    const written = JSON.parse(await readFile(manifest, "utf8"));
    const other = gzipSync(JSON.stringify({ schemaVersion: 2, pages: [] }));
    await writeFile(data, other);
    await writeFile(manifest, JSON.stringify({ ...written, sha256: createHash("sha256").update(other).digest("hex") }));
    await expect(load(folder)).rejects.toThrow(/schemaVersion 2, accepted is 1/);
    await rm(data);
    await expect(load(folder)).rejects.toThrow(/almanac\.json\.gz cannot be read/);
    await writeFile(manifest, "{");
    await expect(load(folder)).rejects.toThrow(/almanac\.manifest\.json is not JSON/);
  });
});
