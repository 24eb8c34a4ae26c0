import { anything, listOf, required, ruleOf, text } from "../options.ts";
import type { Task } from "../task.ts";
import { chosen, namedByKey } from "./choice.ts";
import { type AnswerKey, aKey, scoreAnswer } from "./score.ts";

/** A key that cannot be met as it stands. */
export interface KeyFault {
  readonly id: string;
  readonly key: string;
  readonly problem: string;
}

/** Why a choice has no right option, or several; undefined where its key names exactly one. */
export const choiceFault = ({ kind, answers, choices = [], index }: AnswerKey): string | undefined => {
  if (kind !== "choice" || choices.length === 0) return undefined;
  if (index !== undefined)
    return choices[index] !== undefined
      ? undefined
      : `the key is option ${index}, counted from 0, and there are ${choices.length}; accepted are whole numbers from 0 to ${choices.length - 1}`;
  const named = [...new Set(answers.flatMap((answer) => namedByKey(answer, choices)))];
  if (named.length === 1) return undefined;
  const key = JSON.stringify(answers.join(" | ").slice(0, 60));
  const found = named.length === 0 ? "no option" : `${named.length} options`;
  return `the key ${key} names ${found} of ${JSON.stringify(choices).slice(0, 200)}; accepted is the letter, the index from 0 or the whole text of exactly one`;
};

/**
 * What is wrong with the keys of tasks: each key, given back as an answer, has to be right, and of a multiple choice each
 * has to name exactly one option. Empty for a set that can be scored.
 *
 * @example
 * ```ts
 * import { checkKeys, readTaskFile } from "agentflow/tasks";
 *
 * for (const { id, key, problem } of checkKeys(await readTaskFile("tasks.jsonl"))) console.error(id, key, problem);
 * ```
 */
export const checkKeys = (tasks: readonly Task<AnswerKey>[]): readonly KeyFault[] => {
  required(
    listOf(
      ruleOf<Task>(
        { id: required(text), question: anything, conversation: anything, turnLimit: anything, sealed: aKey },
        { others: "any" },
      ),
    ),
  )(tasks, "checkKeys: the tasks");
  return tasks.flatMap(({ id, sealed }) => {
    const problem = choiceFault(sealed);
    // An expression for 24 has numbers for a key.
    if (sealed.answers.length === 0 && sealed.index === undefined && sealed.kind !== "expression24")
      return [{ id, key: "", problem: "there is no key: no answer can be right" }];
    const faults: KeyFault[] = problem === undefined ? [] : [{ id, key: sealed.answers.join(" | "), problem }];
    // An expression that equals a key is right: what it comes to is seen without the keys.
    const scored = sealed.kind === "expression24" ? { ...sealed, answers: [] } : sealed;
    for (const key of sealed.answers)
      if (!scoreAnswer(scored, key).correct)
        faults.push({ id, key, problem: "given back as an answer, it is not right" });
    const { choices = [], index } = sealed;
    const option = index === undefined ? undefined : choices[index];
    if (option !== undefined && chosen(option, choices) !== index)
      faults.push({ id, key: option, problem: "the right option, given back as its text, is not read as that option" });
    return faults;
  });
};
