import type { Environment } from "../environment.ts";
import { analyse } from "../flow/rules/analyst.ts";

/** The file of a run with what its planner was trained on. */
export const FAMILIARITY_FILE = "familiarity.json";

/** Templates that are kept, and questions of a family that are looked at for them. */
const MOST_TEMPLATES = 1000;
const LOOKED_AT = 100;

/** Templates of the questions that an environment trains on, family by family: what `familiarityOf` compares with. */
export const familiarQuestions = ({ families, train }: Pick<Environment, "families" | "train">): readonly string[] => {
  const templates = new Set<string>();
  for (let i = 0; i < LOOKED_AT; i += 1)
    for (const family of families) {
      if (templates.size >= MOST_TEMPLATES) return [...templates];
      templates.add(analyse(train(family, i).question).template);
    }
  return [...templates];
};
