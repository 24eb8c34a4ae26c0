import type { SectionResult } from "./rounds.ts";

/** A bar and how it came out; `pass` is undefined when it was not judged or a peer was not there to compare with. */
export interface Outcome {
  readonly section: string;
  readonly bar: string;
  readonly value: number | undefined;
  readonly wanted: number;
  readonly pass: boolean | undefined;
}

/** Every bar of a section, judged or only computed. */
export const outcomesOf = (
  { section, figures }: SectionResult,
  judge: { readonly rates: boolean; readonly memory: boolean },
): Outcome[] => {
  const ratios = section.bars.map(({ title, ours, peers, atLeast }): Outcome => {
    const row = figures.get(title);
    const mine = row?.get(ours)?.rate;
    const rates = peers.map((peer) => row?.get(peer)?.rate).filter((rate) => rate !== undefined);
    const value = mine === undefined || rates.length === 0 ? undefined : mine / Math.max(...rates);
    const bar = `${title}: ${ours} ≥ ${atLeast} × ${peers.join(" or ")}`;
    return {
      section: section.name,
      bar,
      value,
      wanted: atLeast,
      pass: value === undefined || !judge.rates ? undefined : value >= atLeast,
    };
  });
  const memory = section.memory.map(({ title, ours, atMostMb }): Outcome => {
    const value = figures.get(title)?.get(ours)?.peakMb;
    const bar = `${title}: ${ours} ≤ ${atMostMb} MB`;
    return {
      section: section.name,
      bar,
      value,
      wanted: atMostMb,
      pass: value === undefined || !judge.memory ? undefined : value <= atMostMb,
    };
  });
  return [...ratios, ...memory];
};

/** A section as a table for people: a row an arm, a column a case, and the peak memory of each case in brackets. */
export const tableOf = ({ section, figures, arms, absent }: SectionResult): string[] => {
  const width = Math.max(16, ...section.cases.map(({ title }) => title.length + 2));
  const names = [...arms.keys()];
  const cell = (title: string, name: string): string => {
    const figure = figures.get(title)?.get(name);
    if (!figure) return "–";
    const value =
      section.unit === "s" ? `${(1 / figure.rate).toFixed(2)} s` : Math.round(figure.rate).toLocaleString("en");
    return `${value} (${Math.round(figure.peakMb).toLocaleString("en")})`;
  };
  return [
    "",
    `${section.says}`,
    `${"".padEnd(22)}${section.cases.map(({ title }) => title.padStart(width)).join("")}   ${section.unit} (peak MB)`,
    ...names.map(
      (name) => `${name.padEnd(22)}${section.cases.map(({ title }) => cell(title, name).padStart(width)).join("")}`,
    ),
    ...[...absent].map(([name, why]) => `${name.padEnd(22)}not compared: ${why}`),
  ];
};

/** A line a bar. */
export const lineOf = ({ section, bar, value, pass }: Outcome): string => {
  const mark = pass === undefined ? (value === undefined ? "not compared" : "not judged") : pass ? "pass" : "MISS";
  const shown = value === undefined ? "" : value >= 50 ? `${Math.round(value)}` : value.toFixed(2);
  return `${mark.padEnd(13)}${shown.padStart(6)}   ${section}, ${bar}`;
};
