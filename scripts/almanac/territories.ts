import type { Page } from "../../src/almanac/page.ts";
import type { Field } from "../../src/tool.ts";
import { namesOf, openPackage } from "./sources.ts";

interface Supplemental<T> {
  readonly supplemental: T;
}
interface TerritoryInfo {
  readonly territoryInfo: Readonly<
    Record<string, { readonly _gdp: string; readonly _literacyPercent: string; readonly _population: string }>
  >;
}
interface CodeMappings {
  readonly codeMappings: Readonly<Record<string, { readonly _alpha3?: string }>>;
}
interface Containment {
  readonly territoryContainment: Readonly<
    Record<string, { readonly _contains: readonly string[]; readonly _grouping?: string }>
  >;
}
interface CurrencyUse {
  readonly _from?: string;
  readonly _to?: string;
  readonly _tender?: string;
}
interface CurrencyData {
  readonly currencyData: {
    readonly fractions: Readonly<Record<string, { readonly _digits?: string }>>;
    readonly region: Readonly<Record<string, readonly Readonly<Record<string, CurrencyUse>>[]>>;
  };
}
interface Tender {
  readonly territory: string;
  readonly currency: string;
  readonly from: string;
  readonly to: string | undefined;
}

/** Codes reserved for parts of territories that have a page of their own: counting both would count people twice. */
const partsOfTerritories = new Set(["AC", "CP", "CQ", "DG", "EA", "IC", "TA", "ZZ"]);
const world = "001";

const english = (type: "region" | "currency", style: "long" | "short" = "long") => {
  const names = new Intl.DisplayNames("en", { type, style, fallback: "none" });
  return (code: string): string | undefined => names.of(code);
};
const regionName = english("region");
const shortRegionName = english("region", "short");
const currencyName = english("currency");
const titleOfRegion = (code: string): string => (code === world ? "World" : (regionName(code) ?? code));

const number = (value: number, unit: string): Field => ({ kind: "number", value, unit });
const text = (value: string): Field => ({ kind: "text", value });
const date = (value: string): Field => ({ kind: "date", value });

/** Legal tender by territory, in CLDR's order: the preferred currency of a territory first. */
const readTenders = (data: CurrencyData): readonly Tender[] =>
  Object.entries(data.currencyData.region).flatMap(([territory, uses]) =>
    uses.flatMap((use) =>
      Object.entries(use).flatMap(([currency, { _from, _to, _tender }]) =>
        _from === undefined || _tender === "false" ? [] : [{ territory, currency, from: _from, to: _to }],
      ),
    ),
  );

/** Pages of territories, of the currencies they use or used, and of the UN regions that they lie in. */
export const readTerritories = () => {
  const pack = openPackage("cldr-core");
  const load = <T>(name: string): T => pack.readJson<Supplemental<T>>(`supplemental/${name}.json`).supplemental;
  const { territoryInfo } = load<TerritoryInfo>("territoryInfo");
  const { codeMappings } = load<CodeMappings>("codeMappings");
  const { territoryContainment } = load<Containment>("territoryContainment");
  const currencyData = load<CurrencyData>("currencyData");
  const tenders = readTenders(currencyData);

  const currentTender = (territory: string) =>
    tenders.find((tender) => tender.territory === territory && tender.to === undefined);
  const parents = new Map<string, string>();
  for (const [region, { _contains, _grouping }] of Object.entries(territoryContainment)) {
    if (/^\d{3}$/.test(region) && _grouping === undefined) for (const part of _contains) parents.set(part, region);
  }

  const codes = Object.keys(territoryInfo).filter(
    (code) =>
      !partsOfTerritories.has(code) &&
      currentTender(code) !== undefined &&
      parents.has(code) &&
      Number(territoryInfo[code]?._population) > 1, // 1 stands for an uninhabited territory
  );
  const territories = codes.flatMap((code): Page[] => {
    const info = territoryInfo[code];
    const tender = currentTender(code);
    if (info === undefined || tender === undefined) return [];
    const title = titleOfRegion(code);
    return [
      {
        id: `territory/${code}`,
        kind: "territory",
        title,
        names: namesOf(title, code, codeMappings[code]?._alpha3, shortRegionName(code)),
        form: "table",
        text: `Country or territory with the ISO 3166 code ${code}.`,
        fields: {
          population: number(Number(info._population), "person"),
          gdp: number(Number(info._gdp), "USD"),
          literacy: number(Number(info._literacyPercent), "percent"),
          currency: text(currencyName(tender.currency) ?? tender.currency),
          adopted: date(tender.from),
          region: text(titleOfRegion(parents.get(code) ?? world)),
        },
      },
    ];
  });

  const membersOf = (region: string): readonly string[] =>
    (territoryContainment[region]?._contains ?? []).flatMap((part) =>
      codes.includes(part) ? [part] : membersOf(part),
    );
  const sum = (region: string, key: "_population" | "_gdp") =>
    membersOf(region).reduce((total, code) => total + Number(territoryInfo[code]?.[key] ?? 0), 0);
  const regionCodes = [world, ...new Set(parents.values())].filter(
    (code, index, all) => all.indexOf(code) === index && membersOf(code).length > 0,
  );
  const regions = regionCodes.sort().map((code): Page => {
    const parent = parents.get(code);
    return {
      id: `region/${code}`,
      kind: "region",
      title: titleOfRegion(code),
      names: namesOf(titleOfRegion(code), code),
      form: "table",
      text: `Region of the United Nations scheme M49 with the code ${code}.`,
      fields: {
        territories: number(membersOf(code).length, "territory"),
        population: number(sum(code, "_population"), "person"),
        gdp: number(sum(code, "_gdp"), "USD"),
        ...(parent === undefined || parent === world ? {} : { continent: text(titleOfRegion(parent)) }),
      },
    };
  });

  const currencies = [...new Set(tenders.map(({ currency }) => currency))].sort().flatMap((code): Page[] => {
    const title = currencyName(code);
    if (title === undefined) return [];
    const uses = tenders.filter(({ currency }) => currency === code);
    const introduced = uses.map(({ from }) => from).sort()[0];
    const withdrawn = uses.every(({ to }) => to !== undefined)
      ? uses
          .map(({ to }) => to ?? "")
          .sort()
          .at(-1)
      : undefined;
    const users = codes.filter((territory) =>
      uses.some((use) => use.territory === territory && use.to === undefined),
    ).length;
    return [
      {
        id: `currency/${code}`,
        kind: "currency",
        title,
        names: namesOf(code, title),
        form: "table",
        text: `Currency with the ISO 4217 code ${code}.`,
        fields: {
          ...(introduced === undefined ? {} : { introduced: date(introduced) }),
          territories: number(users, "territory"),
          digits: number(Number(currencyData.currencyData.fractions[code]?._digits ?? 2), "digit"),
          ...(withdrawn === undefined ? {} : { withdrawn: date(withdrawn) }),
        },
      },
    ];
  });

  const used = "population, GDP, literacy, currencies with their dates, ISO codes and containment of territories";
  return {
    territories,
    regions,
    currencies,
    titles: new Map(territories.map((page) => [page.id.slice("territory/".length), page.title])),
    source: pack.source("Unicode-3.0", used),
    namesSource: {
      name: "Node.js Intl.DisplayNames",
      version: `ICU ${process.versions.icu}, CLDR ${process.versions.cldr ?? "?"}`,
      licence: "Unicode-3.0",
      used: "English names of territories, regions and currencies",
      files: {},
    },
  };
};
