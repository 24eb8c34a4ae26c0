/**
 * Builds the Almanac: reads the published packages once and writes `data/almanac.json.gz` with its manifest.
 * Both are committed, so neither tests nor users need the packages.
 *
 *   npx tsx scripts/build-almanac.ts --calendar <folder of the Debian package calendar>
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { readAirports } from "./almanac/airports.ts";
import { readCalendars } from "./almanac/calendar.ts";
import { readElements } from "./almanac/elements.ts";
import { writeProse } from "./almanac/prose.ts";
import { readReleases } from "./almanac/releases.ts";
import { groupBy, projectRoot, sha256 } from "./almanac/sources.ts";
import { readTerritories } from "./almanac/territories.ts";

const schemaVersion = 1;
const command = "npx tsx scripts/build-almanac.ts --calendar <folder of the Debian package calendar>";

/** Level 9, with the header's time and system left unset, so that equal pages give equal bytes. */
const compress = (text: string): Buffer => {
  const bytes = gzipSync(text, { level: 9 });
  bytes.fill(0, 4, 8);
  bytes[9] = 255;
  return bytes;
};

const build = (calendarFolder: string) => {
  const geography = readTerritories();
  const airports = readAirports(geography.titles);
  const elements = readElements();
  const nodeReleases = readReleases();
  const calendars = readCalendars(calendarFolder);
  const prose = writeProse(calendars.entries);
  const pages = [
    airports.pages,
    geography.territories,
    geography.currencies,
    geography.regions,
    elements.pages,
    nodeReleases.releases,
    nodeReleases.lines,
    prose.people,
    prose.events,
  ].flat();
  const text = JSON.stringify({ schemaVersion, pages });
  const bytes = compress(text);
  const counts = Object.fromEntries([...groupBy(pages, ({ kind }) => kind)].map(([kind, of]) => [kind, of.length]));
  const manifest = {
    schemaVersion,
    file: "almanac.json.gz",
    sha256: sha256(bytes),
    bytes: bytes.length,
    textSha256: sha256(text),
    textBytes: Buffer.byteLength(text),
    pages: pages.length,
    kinds: counts,
    command,
    sources: [
      airports.source,
      geography.source,
      geography.namesSource,
      elements.source,
      nodeReleases.source,
      calendars.source,
    ],
  };
  return { bytes, manifest };
};

const write = (calendarFolder: string): string => {
  const { bytes, manifest } = build(calendarFolder);
  const folder = join(projectRoot, "data");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, manifest.file), bytes);
  writeFileSync(join(folder, "almanac.manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return `${manifest.pages} pages, ${manifest.bytes} bytes: ${JSON.stringify(manifest.kinds)}`;
};

const { values } = parseArgs({ options: { calendar: { type: "string" } } });
try {
  if (values.calendar === undefined) throw new Error(`--calendar is missing. Use: ${command}`);
  process.stdout.write(`${write(values.calendar)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
