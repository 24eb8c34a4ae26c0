import { type LineProcess, NotThere } from "../../scripts/check-models/lines.ts";
import type { Arm } from "./arms.ts";
import type { Case, Question, Section } from "./sections.ts";

/** What was measured of one arm in one case. */
export interface Figure {
  /** Work a second: tokens, or steps. Of the fastest setting, the median over rounds. */
  readonly rate: number;
  /** Peak memory of the process when it had done this case (and smaller ones) once. */
  readonly peakMb: number;
  readonly setting: Question;
}

export interface SectionResult {
  readonly section: Section;
  /** By case, then arm. */
  readonly figures: ReadonlyMap<string, ReadonlyMap<string, Figure>>;
  /** Who took part, and what it says of itself. */
  readonly arms: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Why somebody did not. */
  readonly absent: ReadonlyMap<string, string>;
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
};

/** An arm at work, with what it has done so far by case. */
interface Runner {
  readonly name: string;
  readonly process: LineProcess;
  readonly done: Map<string, { peakMb: number; readonly settings: { readonly setting: Question; rates: number[] }[] }>;
}

/** One case of one arm, in all its settings. The first time it only warms up, and is asked for its peak. */
const work = async (runner: Runner, { title, ask }: Case, unit: Section["unit"]): Promise<void> => {
  const { process, done } = runner;
  const known = done.get(title);
  const entry = known ?? {
    peakMb: Number.NaN,
    settings: (ask[runner.name] ?? []).map((setting) => ({ setting, rates: [] })),
  };
  for (const { setting, rates } of entry.settings) {
    const { seconds, tokens } = (await process.ask(setting)) as { seconds: number; tokens: number };
    if (known) rates.push((unit === "s" ? 1 : tokens) / seconds);
  }
  if (known || entry.settings.length === 0) return;
  entry.peakMb = ((await process.ask({ do: "peak" })) as { mb: number }).mb;
  done.set(title, entry);
};

const figureOf = ({ done }: Runner, title: string): Figure | undefined => {
  const entry = done.get(title);
  const measured = (entry?.settings ?? []).map(({ setting, rates }) => ({
    setting,
    rate: median(rates),
    peakMb: entry?.peakMb ?? Number.NaN,
  }));
  return measured.sort((a, b) => b.rate - a.rate)[0];
};

/**
 * Runs a section: every arm in a process of its own, one at work at a time, and in every round each of them once, in an
 * order that turns around. A round before the first warms up and takes the peaks. An arm that fails is left out.
 */
export const runSection = async (
  section: Section,
  arms: ReadonlyMap<string, Arm>,
  { rounds, told }: { readonly rounds: number; readonly told: (line: string) => void },
): Promise<SectionResult> => {
  const absent = new Map<string, string>();
  let runners: Runner[] = [];
  for (const { name, start, install } of arms.values()) {
    if (!section.cases.some(({ ask }) => ask[name])) continue;
    try {
      runners.push({ name, process: await start(), done: new Map() });
    } catch (failure) {
      if (!(failure instanceof NotThere)) throw failure;
      absent.set(name, failure.missing.length > 0 ? `${failure.message}. ${install}` : failure.message);
    }
  }
  for (let round = -1; round < rounds; round += 1) {
    for (const each of section.cases) {
      for (const runner of round % 2 === 0 ? runners : runners.toReversed()) {
        if (absent.has(runner.name)) continue;
        await work(runner, each, section.unit).catch((failure: Error) => absent.set(runner.name, failure.message));
      }
    }
    told(`${section.name}: ${round < 0 ? "warm-up" : `round ${round + 1} of ${rounds}`} done`);
  }
  for (const { process } of runners) await process.stop();
  runners = runners.filter(({ name }) => !absent.has(name));
  const row = (title: string): [string, Figure][] =>
    runners.flatMap((runner) => {
      const figure = figureOf(runner, title);
      return figure ? [[runner.name, figure]] : [];
    });
  return {
    section,
    figures: new Map(section.cases.map(({ title }) => [title, new Map(row(title))])),
    arms: new Map(runners.map(({ name, process }) => [name, process.ready])),
    absent,
  };
};
