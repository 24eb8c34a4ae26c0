import type { Page } from "../../src/almanac/page.ts";
import type { Field } from "../../src/tool.ts";
import { groupBy, namesOf, openPackage } from "./sources.ts";

interface ReleaseRow {
  readonly version: string;
  readonly date: string;
  readonly v8: string;
}
interface ScheduleRow {
  readonly start: string;
  readonly lts?: string;
  readonly maintenance?: string;
  readonly end: string;
  readonly codename?: string;
}

const titleOfRelease = (version: string): string => `Node.js ${version}`;
const titleOfLine = (major: string): string => `Node.js ${major} line`;

/**
 * Minor releases of Node.js 4 and later, and their lines. Older versions are left out: the package lists one release
 * of each, some with the date of an upload; so are alpha versions.
 */
export const readReleases = () => {
  const pack = openPackage("node-releases");
  const rows = pack
    .readJson<readonly ReleaseRow[]>("data/processed/envs.json")
    .filter(({ version }) => /^[1-9]\d*\.\d+\.\d+$/.test(version));
  const schedule = pack.readJson<Readonly<Record<string, ScheduleRow>>>("data/release-schedule/release-schedule.json");
  const byMajor = groupBy(rows, ({ version }) => version.split(".")[0] ?? "");

  const releases = rows.map(
    ({ version, date, v8 }): Page => ({
      id: `release/${version}`,
      kind: "release",
      title: titleOfRelease(version),
      names: namesOf(version, `v${version}`, titleOfRelease(version)),
      form: "table",
      text: `Release ${version} of the JavaScript runtime Node.js.`,
      fields: {
        date: { kind: "date", value: date },
        line: { kind: "text", value: titleOfLine(version.split(".")[0] ?? "") },
        engine: { kind: "text", value: `V8 ${v8}` },
      },
    }),
  );

  const lines = [...byMajor].flatMap(([major, members]): Page[] => {
    const plan = schedule[`v${major}`];
    const minorOf = ({ version }: ReleaseRow) => Number(version.split(".")[1]);
    const ordered = [...members].sort((a, b) => minorOf(a) - minorOf(b));
    const first = ordered[0];
    const latest = ordered.at(-1);
    if (plan === undefined || first === undefined || latest === undefined) return [];
    const dateIf = (name: string, value: string | undefined): Record<string, Field> =>
      value === undefined ? {} : { [name]: { kind: "date", value } };
    return [
      {
        id: `line/${major}`,
        kind: "line",
        title: titleOfLine(major),
        names: namesOf(`Node.js ${major}`, major, `v${major}`, plan.codename),
        form: "table",
        text: `Release line ${major} of the JavaScript runtime Node.js${plan.codename ? `, with the codename ${plan.codename}` : ""}.`,
        fields: {
          first: { kind: "text", value: titleOfRelease(first.version) },
          latest: { kind: "text", value: titleOfRelease(latest.version) },
          releases: { kind: "number", value: ordered.length, unit: "release" },
          started: { kind: "date", value: plan.start },
          ...dateIf("lts", plan.lts),
          ...dateIf("maintenance", plan.maintenance),
          end: { kind: "date", value: plan.end },
        },
      },
    ];
  });
  return {
    releases,
    lines,
    source: pack.source("MIT", "minor releases of Node.js with their dates, and the schedule of the lines"),
  };
};
