import type { Environment } from "../environment.ts";
import { ruleAnalyst } from "../flow/rules/analyst.ts";
import type { ModuleContext } from "../module.ts";
import { randomKey } from "../random.ts";
import { queryOf } from "../task.ts";

/** The file of a run with what its planner was trained on. */
export const FAMILIARITY_FILE = "familiarity.json";

/** Templates that are kept, and questions of a family that are looked at for them. */
const MOST_TEMPLATES = 1000;
const LOOKED_AT = 100;

/**
 * Templates of the questions that an environment trains on, family by family, as its analyst reads them: what
 * `familiarityOf` compares with.
 */
export const familiarQuestions = async (
  { families, train, flow }: Pick<Environment, "families" | "train" | "flow">,
  abortSignal: AbortSignal,
): Promise<readonly string[]> => {
  const { analyst = ruleAnalyst() } = flow;
  const context: ModuleContext = {
    history: "familiarity",
    randomKey: randomKey("familiarity"),
    turns: [],
    versions: {},
    abortSignal,
  };
  const templates = new Set<string>();
  for (let i = 0; i < LOOKED_AT; i += 1)
    for (const family of families) {
      if (templates.size >= MOST_TEMPLATES) return [...templates];
      templates.add((await analyst(queryOf(train(family, i)), context)).template);
    }
  return [...templates];
};
