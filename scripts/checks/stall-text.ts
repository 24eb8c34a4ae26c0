import { chooseGguf } from "../../src/engines/onnx/files/hub-files.ts";
import { parseModelName } from "../../src/engines/onnx/files/model-cache.ts";
import { questionText } from "../../src/flow/model/planner-prompt.ts";
import { jsonAction } from "../../src/flow/model/read-action.ts";
import { parseVerdict } from "../../src/flow/model/verifier-prompt.ts";
import { analyse } from "../../src/flow/rules/analyse.ts";
import { createFlow, modelAnalyst, parseAction, parseChatAction, ruleExecutor, tool } from "../../src/index.ts";
import { narrow } from "../../src/narrow-grants.ts";
import { plainText } from "../../src/plain-text.ts";
import { randomKey } from "../../src/random.ts";
import { type AnswerKey, exactMatch, scoreAnswer } from "../../src/tasks/index.ts";
import { scriptedModel } from "../../src/testing/index.ts";
import { baseGenerator, calculate } from "../../src/tools/index.ts";
import { memoryIndex } from "../../src/tools/memory-index.ts";
import { bestPassages, passagesOf } from "../../src/tools/passages.ts";
import { stepOf } from "../../src/trajectory.ts";
import type { Entrance } from "./stall.ts";

const each = (
  name: string,
  texts: Readonly<Record<string, string>>,
  act: (text: string, signal: AbortSignal) => unknown,
): Entrance[] =>
  Object.entries(texts).map(([what, text]) => ({ name: `${name}: ${what}`, run: (signal) => act(text, signal) }));

const spaces = (count: number): string => " ".repeat(count);

/** Each is slow for a reader that tries again at every place. */
const hostile: Readonly<Record<string, string>> = {
  "spaces before a letter": `a${spaces(150_000)}b`,
  "line breaks": "\n".repeat(150_000),
  "openings of a tag": "<answer>".repeat(18_000),
  brackets: `${"{".repeat(75_000)}${"}".repeat(75_000)}`,
  digits: "1,".repeat(75_000),
  capitals: "A".repeat(150_000),
  names: "Isle of Man and ".repeat(9000),
  quotes: '"“«'.repeat(50_000),
  "East Asian letters": "漢".repeat(150_000),
};

const outputs: Readonly<Record<string, string>> = {
  "boxes without an end": "\\boxed{".repeat(2800),
  "fractions without an end": "\\frac{1}{".repeat(2000),
  "equals signs": "= 24 ".repeat(3900),
  "answer tags without an end": "<answer>".repeat(2400),
  dollars: `${"$".repeat(19_000)}a`,
  "full stops before a letter": `A${". ".repeat(9900)}a`,
  spaces: `B${spaces(19_900)}C`,
  "ligatures that grow": "\ufdfa".repeat(19_000),
  parentheses: "(".repeat(19_000),
};

const keys: Readonly<Record<string, AnswerKey>> = {
  text: { kind: "text", answers: Array.from({ length: 3000 }, (_, i) => `answer ${i}`) },
  number: { kind: "number", answers: Array.from({ length: 3000 }, (_, i) => `${i}`), unit: "km" },
  choice: {
    kind: "choice",
    answers: ["A"],
    choices: Array.from({ length: 26 }, (_, i) => `option ${"x".repeat(i * 100)}`),
  },
  boolean: { kind: "boolean", answers: ["yes"] },
  expression: { kind: "expression24", answers: [], numbers: [4, 6, 1, 1] },
};

const scorers = Object.entries(keys).flatMap(([kind, key]) =>
  each(`scorer of ${kind}`, outputs, (text) => scoreAnswer(key, text)),
);

const found = tool<{ query: string }>({
  description: "Looks.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: ({ query }) => ({
    text: query,
    fields: Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [`f${i}`, { kind: "text" as const, value: query }]),
    ),
  }),
});
const flow = createFlow({ planner: () => ({ step: stepOf("look q") }), tools: { look: found }, budget: { turns: 2 } });
const talkative = (text: string) =>
  createFlow({
    planner: ({ memory }) => ({ step: stepOf(memory.length === 0 ? "look q" : `look ${"@1 ".repeat(600)}`) }),
    executor: ruleExecutor(),
    tools: { look: tool<{ query: string }>({ ...found, execute: () => text }) },
    budget: { turns: 2 },
  });

const words = Array.from({ length: 4000 }, (_, i) => `word${i % 900}`).join(" ");
const context = (abortSignal: AbortSignal) => ({ abortSignal });

export const textEntrances: readonly Entrance[] = [
  ...scorers,
  ...each("exact match", outputs, (text) =>
    exactMatch({ id: "1", question: "?", sealed: { answer: "7", kind: "number" } }, text),
  ),
  ...each("question", hostile, (text) => questionText(text, analyse(text))),
  ...each("solve", hostile, (text, abortSignal) => flow.solve(text, { id: "stall", abortSignal })),
  ...each("tool output", hostile, (text, abortSignal) => talkative(text).solve("Which?", { id: "stall", abortSignal })),
  ...each("planner output", hostile, (text) => [
    parseAction(text.slice(0, 2000)),
    parseChatAction(text.slice(0, 2000), ["look"]),
    jsonAction(text, ["look"]),
  ]),
  ...each("verdict", hostile, (text) => parseVerdict(text)),
  ...each("analyst of a model", hostile, (text, signal) =>
    modelAnalyst(scriptedModel([`names: ${text}`]))(
      { id: "1", question: text },
      { history: "stall", randomKey: randomKey(1, "stall"), turns: [], versions: {}, abortSignal: signal },
    ),
  ),
  ...each("base generator", hostile, (text, signal) =>
    baseGenerator(scriptedModel([text])).execute({ query: "Which?" }, context(signal)),
  ),
  ...each("prompt", hostile, (text) => plainText({ idOf: () => 1 }, text)),
  ...each(
    "calculate",
    {
      powers: `${"2^".repeat(190)}2`,
      parentheses: "(".repeat(400),
      factorials: `1${"!".repeat(390)}`,
      matrices: "[".repeat(400),
      functions: `${"abs(".repeat(80)}1${")".repeat(79)}`,
      conditions: `${"1?".repeat(130)}1${":1".repeat(65)}`,
      "implicit products": "1/2(".repeat(99),
      "a long text": hostile.digits ?? "",
    },
    (expression, signal) => calculate.execute({ expression }, context(signal)),
  ),
  { name: "passages: a long query", run: () => bestPassages(passagesOf(words), words, 5) },
  {
    name: "memory index: a long word",
    run: () => {
      const index = memoryIndex();
      index.add(passagesOf(words).map((text) => ({ file: "a", text })));
      return index.search("w".repeat(50_000), 5);
    },
  },
  {
    name: "file of a model: stars",
    run: () =>
      chooseGguf(
        {
          repo: "a/b",
          revision: "main",
          commit: "",
          files: [{ path: `${"a".repeat(5000)}.gguf`, size: 1, algorithm: "sha256", digest: "" }],
        },
        `${"*a".repeat(2000)}b`,
      ),
  },
  ...each("name of a model", hostile, (text) => parseModelName(`a/${text}`)),
  { name: "grants: slashes", run: () => narrow({ folders: ["/"] }, { folders: [`${"/".repeat(150_000)}a`] }) },
];
