import { describe, expect, it } from "vitest";
import { ToolError } from "../errors.ts";
import type { ToolOutput } from "../tool.ts";
import { type Almanac, almanacTools, type Page } from "./index.ts";

const pages: readonly Page[] = [
  {
    id: "airport/FRO",
    kind: "airport",
    title: "Florø Airport",
    names: ["FRO"],
    form: "table",
    text: "Airport with the IATA code FRO, serving Florø.",
    fields: { elevation: { kind: "number", value: 37, unit: "ft" }, country: { kind: "text", value: "Norway" } },
  },
  {
    id: "territory/FO",
    kind: "territory",
    title: "Faroe Islands",
    names: ["FO", "FRO"],
    form: "table",
    text: "Country or territory with the ISO 3166 code FO.",
    fields: { population: { kind: "number", value: 52_415, unit: "person" } },
  },
  {
    id: "territory/FK",
    kind: "territory",
    title: "Falkland Islands",
    names: ["FK"],
    form: "table",
    text: "Country or territory with the ISO 3166 code FK.",
    fields: {},
  },
  {
    id: "person/ada-lovelace",
    kind: "person",
    title: "Ada Lovelace",
    names: [],
    form: "prose",
    text: "Ada Lovelace was born on 10 December 1815.",
    fields: { born: { kind: "date", value: "1815-12-10" } },
  },
];
const almanac: Almanac = { pages, byId: new Map(pages.map((page) => [page.id, page])), hash: "test" };
const idle = { description: "", inputSchema: {}, execute: () => "" };
const tools = almanacTools(almanac, { calculate: idle, baseGenerator: idle });
const call = (name: string, input: unknown): ToolOutput =>
  tools[name]?.execute(input as never, { abortSignal: new AbortController().signal }) as ToolOutput;
const failure = (name: string, input: unknown): string => {
  try {
    call(name, input);
  } catch (error) {
    if (error instanceof ToolError) return error.message;
  }
  throw new Error("it did not fail with a ToolError");
};

describe("almanacTools", () => {
  it("has the tools of the live world, in their order", () => {
    expect(Object.keys(tools)).toEqual(["web_search", "wikipedia_search", "web_page", "calculate", "base_generator"]);
    expect(Object.keys(almanacTools(almanac, { calculate: idle }))).not.toContain("base_generator");
  });

  it("web_search lists titles and addresses by kind, names before words, and no figures", () => {
    const { text, fields } = call("web_search", { query: "FRO" });
    expect(fields).toEqual({
      1: { kind: "address", value: "almanac:airport/FRO", label: "airport" },
      2: { kind: "address", value: "almanac:territory/FO", label: "territory" },
    });
    expect(text).not.toContain("37");
    expect(
      Object.values(call("web_search", { query: "falkland islands" }).fields ?? {}).map(({ value }) => value),
    ).toEqual(["almanac:territory/FK", "almanac:territory/FO"]);
    expect(call("web_search", { query: "floro airport" }).fields?.["1"]?.value).toBe("almanac:airport/FRO");
  });

  it("web_search knows no prose, and says when it finds nothing", () => {
    expect(failure("web_search", { query: "Lovelace" })).toContain('no page for "Lovelace"');
    expect(failure("web_search", { query: " " })).toContain("needs a text");
    expect(failure("web_search", {})).toContain("needs a text");
  });

  it("wikipedia_search gives the lead text and fields of one article", () => {
    const { text, fields, source } = call("wikipedia_search", { query: "Ada Lovelace" });
    expect(text).toContain("10 December 1815");
    expect(fields).toEqual({ born: { kind: "date", value: "1815-12-10" } });
    expect(source).toBe("almanac:person/ada-lovelace");
    expect(call("wikipedia_search", { query: "Lovelace" }).text).toContain("Ada Lovelace");
  });

  it("wikipedia_search has a sentence and no figures on what has a table", () => {
    const { text, fields } = call("wikipedia_search", { query: "Faroe Islands" });
    expect(text).toContain("Faroe Islands");
    expect(fields).toEqual({});
    expect(failure("wikipedia_search", { query: "zzz" })).toContain("no article");
  });

  it("web_page reads a table by its address", () => {
    const { text, fields } = call("web_page", { url: "almanac:airport/FRO" });
    expect(text).toContain("elevation: 37 ft");
    expect(fields).toBe(pages[0]?.fields);
  });

  it.each([
    ["Norway", "needs an address"],
    ["almanac:airport/XXX", "there is no page"],
    ["almanac:person/ada-lovelace", 'wikipedia_search "Ada Lovelace" reads it'],
    [7, "needs a text"],
  ])("web_page refuses %j and says what to do", (url, message) => {
    expect(failure("web_page", { url })).toContain(message);
  });
});
