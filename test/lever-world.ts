import type { Policy } from "../src/engine.ts";
import { createFlow, type Flow } from "../src/flow/flow.ts";
import { modelPlanner } from "../src/flow/model/planner.ts";
import type { Reward, Task } from "../src/task.ts";
import { tabularPolicy, wordTokenizer } from "../src/testing/index.ts";
import { tool } from "../src/tool.ts";

const levers = ["left", "right", "up"];
const colours = ["red", "green", "blue"];
const tools = ["press", "look"];

/** Each colour has its lever; nothing but the reward tells which. */
export const leverTasks: readonly Task<{ readonly answer: string }>[] = colours.map((colour, i) => ({
  id: colour,
  question: `which lever opens ${colour}`,
  turnLimit: 2,
  sealed: { answer: levers[i] ?? "" },
}));

export const leverReward: Reward<{ readonly answer: string }> = ({ sealed }, answer) =>
  sealed.answer === answer ? 1 : 0;

const words = ["which", "lever", "opens", ...colours, ...tools, ...levers, "@1", "value", "seen", "[2]", "[1]", "[0]"];

/**
 * A policy that knows the language of plans and nothing else: any tool, any lever, then the end. `lean` is by how much it
 * prefers each one to the next.
 */
export const leverPolicy = (name = "planner", lean = 0): Policy => {
  const tokenizer = wordTokenizer(words);
  const only = (allowed: readonly string[]): number[] =>
    Array.from({ length: tokenizer.vocabularySize }, (_, id) => {
      const place = allowed.findIndex((token) => tokenizer.idOf(token) === id);
      return place < 0 ? -12 : -lean * place;
    });
  const [toolLogits, leverLogits, endLogits] = [only(tools), only(levers), only(["<end>"])];
  const lineBreak = tokenizer.idOf("\n") ?? -1;
  return tabularPolicy({
    name,
    tokenizer,
    initial: (prefix) => [toolLogits, leverLogits][prefix.length - 1 - prefix.lastIndexOf(lineBreak)] ?? endLogits,
  });
};

const inputSchema = { type: "object", properties: { lever: { type: "string" } }, required: ["lever"] };

/** `press` ends the flow with the lever as its answer, `look` costs a turn. */
export const leverFlow = (policy: Policy): Flow =>
  createFlow({
    planner: modelPlanner(policy),
    analyst: ({ question }) => ({ entities: [], template: question }),
    tools: {
      press: tool<{ lever: string }>({
        description: "Presses a lever.",
        inputSchema,
        execute: ({ lever }) => ({ text: lever, fields: { value: { kind: "text", value: lever } } }),
      }),
      look: tool<{ lever: string }>({
        description: "Looks at a lever.",
        inputSchema,
        execute: ({ lever }) => ({ text: lever, fields: { seen: { kind: "text", value: lever } } }),
      }),
    },
  });
