import { metered } from "../../metered.ts";
import type { ChatModel } from "../../model.ts";
import type { Analyst, ModuleContext } from "../../module.ts";
import { defined, objectWith, required } from "../../options.ts";
import { deriveKey } from "../../random.ts";
import type { Query } from "../../task.ts";
import type { Analysis } from "../../trajectory.ts";
import { conversationText } from "./conversation-text.ts";
import { holding } from "./holding.ts";
import { labelledLine } from "./labelled-line.ts";

const SYSTEM = [
  "You read a question. Write two lines:",
  "names: the names, codes and numbers that the question mentions, as it writes them, separated by semicolons",
  "unit: the unit or kind of the answer, such as day, ft, date, weekday or name; a dash when it is open",
].join("\n");
const FOLLOWS = "The question may continue a conversation: also give the names from there that it refers to.";
const NAME_LIMIT = 12;

/**
 * Query analysis by a model. Names that neither question nor conversation contains are left out; where none is left, the rules' stand.
 *
 * @example
 * ```ts
 * import { createFlow, modelAnalyst } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, analyst: modelAnalyst(model), tools: {} });
 * ```
 */
export const modelAnalyst = (model: ChatModel): Analyst => {
  required(objectWith("a chat model", "complete"))(model, "modelAnalyst: the model");
  return holding(model, async (query: Query, context: ModuleContext): Promise<Analysis> => {
    const { analyse, QUESTION_LENGTH } = await import("../rules/analyse.ts");
    const question = query.question.slice(0, QUESTION_LENGTH);
    const rules = analyse(question);
    const said = conversationText(query.conversation);
    const { text } = await metered(model, context.meter, context.redact).complete({
      messages: [
        { role: "system", content: said === "" ? SYSTEM : `${SYSTEM}\n${FOLLOWS}` },
        { role: "user", content: said === "" ? question : `${said}\n\nQuestion: ${question}` },
      ],
      maxTokens: 96,
      temperature: 0,
      randomKey: deriveKey(context.randomKey, "analyst"),
      abortSignal: context.abortSignal,
    });
    const line = (label: string): string => labelledLine(text, label, /^\s*:/u)?.trim() ?? "";
    const entities = [
      ...new Set(
        line("names")
          .split(";")
          .map((name) => name.trim()),
      ),
    ]
      .filter((name) => name !== "" && (question.includes(name) || said.includes(name)))
      .slice(0, NAME_LIMIT);
    const unit = /^[\p{L}%°/ ]{1,24}$/u.exec(line("unit"))?.[0] ?? rules.unit;
    if (entities.length === 0) return unit === undefined ? rules : { ...rules, unit };
    // Longest first: a name may be part of another one.
    const template = [...entities]
      .sort((a, b) => b.length - a.length)
      .reduce((template, name) => template.replaceAll(name, `q${entities.indexOf(name) + 1}`), question);
    return { entities, template, ...defined({ unit }) };
  });
};
