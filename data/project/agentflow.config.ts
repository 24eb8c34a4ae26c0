import { defineConfig } from "agentflow";
import { calculate } from "agentflow/tools";
import { shopTools } from "./shop.ts";
import { type Sealed, shopTasks } from "./tasks.ts";

export default defineConfig<Sealed>({
  // What the agent may use. `calculate` computes with values that other tools have brought, and states the answer.
  tools: { ...shopTools, calculate },
  // Most turns of a question.
  budget: { turns: 8 },
  // What it learns from: variations of a task. They are split by hash; held-out ones are never trained on.
  tasks: shopTasks,
  // What an answer is worth, from 0 to 1.
  reward: ({ sealed }, answer) => (answer !== undefined && Math.abs(Number(answer) - sealed.answer) < 0.005 ? 1 : 0),
});
