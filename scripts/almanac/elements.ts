import { elementsAndIsotopes } from "chemical-elements";
import type { Page } from "../../src/almanac/page.ts";
import { namesOf, openPackage, toFourDecimals } from "./sources.ts";

/** The chemical elements; `mass` and `neutrons` only where an isotope occurs in nature. */
export const readElements = () => {
  const pack = openPackage("chemical-elements");
  pack.read("lib/src/elementsAndIsotopes.js");
  const pages = elementsAndIsotopes.map((element): Page => {
    const isotopes = [...element.isotopes].sort((a, b) => a.nominal - b.nominal);
    const commonest = isotopes
      .filter(({ abundance }) => (abundance ?? 0) > 0)
      .sort((a, b) => (b.abundance ?? 0) - (a.abundance ?? 0))[0];
    const heaviest = isotopes.at(-1);
    return {
      id: `element/${element.symbol}`,
      kind: "element",
      title: element.name,
      names: namesOf(element.symbol, element.name, String(element.number)),
      form: "table",
      text: `Chemical element with the symbol ${element.symbol} and the atomic number ${element.number}.`,
      fields: {
        number: { kind: "number", value: element.number, unit: "proton" },
        ...(element.mass === null ? {} : { mass: { kind: "number", value: toFourDecimals(element.mass), unit: "u" } }),
        isotopes: { kind: "number", value: isotopes.length, unit: "isotope" },
        ...(commonest === undefined
          ? {}
          : { neutrons: { kind: "number", value: commonest.nominal - element.number, unit: "neutron" } }),
        ...(heaviest === undefined
          ? {}
          : { heaviest: { kind: "number", value: toFourDecimals(heaviest.mass), unit: "u" } }),
      },
    };
  });
  return { pages, source: pack.source("MIT", "names, symbols, numbers, masses and isotopes of the elements") };
};
