import type { Finding } from "../../environment.ts";
import type { Reading } from "../explore/seen.ts";
import { groupsOf } from "../fragments.ts";
import { isName } from "../varied-exercises.ts";

/** Questions of the same words in which a name must stand for it to be one of their words. */
const FEWEST = 4;

const inWords = ({ analysis: { template, entities, unit } }: Reading): string => {
  const names = entities.map((entity, i) => `q${i + 1} = ${entity}`).join(", ");
  return `is read as "${template}" with ${names === "" ? "no name" : names}, asking for ${unit ?? "anything"}`;
};

/**
 * How questions are read: one of each family, and one more where others of it name more or fewer things or ask for
 * another unit. Warns of what is read as a name, though it stands in all questions of the same words and no tool takes it.
 */
export const checkReadings = (readings: readonly Reading[], taken: ReadonlySet<string>): Finding[] => {
  const of = (level: Finding["level"], message: string): Finding => ({ check: "questions", level, message });
  const kinds = groupsOf(readings, ({ family, analysis: { entities, unit } }) =>
    [family, entities.length, unit].join(),
  );
  const shown = [...kinds.values()].flatMap(([first]) => first ?? []);
  const words = new Map<string, Reading>();
  for (const alike of groupsOf(readings, ({ analysis }) => analysis.template).values())
    for (const [first, ...others] of alike.length < FEWEST ? [] : [alike])
      for (const [i, name] of (first?.analysis.entities ?? []).entries())
        if (
          first !== undefined &&
          isName(name) &&
          !taken.has(name) &&
          others.every(({ analysis }) => analysis.entities[i] === name)
        )
          words.set(name, words.get(name) ?? first);
  return [
    ...[...words].map(([name, reading]) =>
      of(
        "warning",
        `${JSON.stringify(name)} is read as a name in all questions worded like "${reading.question}", and no tool takes it. Write it in words and in small letters where it is no name, or give an analyst.`,
      ),
    ),
    ...shown.map((reading) => of("ok", `${reading.family} ${inWords(reading)}`)),
  ];
};
