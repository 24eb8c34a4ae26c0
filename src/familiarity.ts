import { listOf, number, text } from "./options.ts";

/** How like what a planner was trained on a question is. */
export interface Familiarity {
  /** From 0 to 1, of a question's template (`What is the elevation of q1?`). */
  of(template: string): number;
  /** Below this a question is unlike anything that was trained. */
  readonly least: number;
}

/**
 * Measured on the Almanac: no question on unseen pages, of unseen families or in unseen wordings lies below; of 45 questions
 * about other things 89 % do, of those of a shop, whose wording is alike, 55 % (LOG.md).
 */
const LEAST = 0.36;

/** Words of a template in small letters, and pairs of neighbours; all entities are one word. */
const featuresOf = (template: string): ReadonlySet<string> => {
  const words = template
    .toLowerCase()
    .replace(/(?<![\p{L}\p{N}])q\d+(?![\p{L}\p{N}])/gu, "q")
    .match(/[\p{L}\p{M}\p{N}]+/gu);
  return new Set((words ?? []).flatMap((word, i, all) => [word, `${all[i - 1] ?? ""} ${word}`]));
};

/**
 * The likeness to the nearest of the templates that were trained: the share of words and pairs of words that two have in
 * common, rare ones weighing more (Dice's coefficient with the inverse frequency as weight).
 *
 * @example
 * ```ts
 * import { familiarityOf } from "agentflow";
 *
 * const familiarity = familiarityOf(["What is the elevation of q1 in feet?", "When was q1 born?"]);
 * console.log(familiarity.of("When was q1 born?"), familiarity.of("Write a poem.") < familiarity.least);
 * ```
 */
export const familiarityOf = (templates: readonly string[], least = LEAST): Familiarity => {
  listOf(text)(templates, "familiarityOf: the templates");
  number({ most: 1 })(least, "familiarityOf: the least");
  const known = templates.map(featuresOf);
  const counts = new Map<string, number>();
  for (const features of known) for (const feature of features) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  const weightOf = (features: readonly string[]): number =>
    features.reduce((sum, feature) => sum + Math.log(1 + known.length / (counts.get(feature) ?? 0.5)), 0);
  const weights = known.map((features) => weightOf([...features]));
  return {
    least,
    of: (template) => {
      text(template, "familiarity: the template");
      const features = [...featuresOf(template)];
      const own = weightOf(features);
      const likenesses = known.map((one, i) => {
        const shared = weightOf(features.filter((feature) => one.has(feature)));
        // Templates without a word have nothing in common.
        return shared === 0 ? 0 : (2 * shared) / (own + (weights[i] ?? 0));
      });
      return Math.max(0, ...likenesses);
    },
  };
};
