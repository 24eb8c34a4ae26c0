import { recognise, reward } from "../../../examples/archipelago/questions.ts";
import { rollOut } from "../../../src/train/roll-out.ts";
import { askKey, planShares } from "./learning.ts";
import type { Asked } from "./messages.ts";
import type { DemoPlanner } from "./planner.ts";

/** Plans that are drawn for a question, to see how likely each is. */
const DRAWN = 32;

/** Asks the planner: one solve as it is used, and plans drawn as it learns. Draws nothing that a run would draw. */
export const ask = async ({ flow, greedy }: DemoPlanner, question: string, step: number): Promise<Asked> => {
  const task = recognise(question);
  const unknown = { id: "asked", question, sealed: { answer: "", family: "", plan: [] } };
  const asked = task ?? unknown;
  const rolled = await Promise.all(
    Array.from({ length: DRAWN }, (_, plan) =>
      rollOut(flow, asked, reward, { id: `asked/${plan}`, randomKey: askKey(question, plan) }),
    ),
  );
  const solved = await greedy.solve({ id: "asked", question }, { id: "asked" });
  const { memory, answer } = solved.trajectory;
  return {
    question,
    step,
    answer,
    expected: task?.sealed.answer,
    turns: memory.map(({ step: taken, observation, verdict }) => ({ action: taken.raw.trim(), observation, verdict })),
    plans: planShares({ task: asked, rollouts_G: rolled }).map((plan) =>
      task ? plan : { ...plan, reward: undefined },
    ),
    drawn: DRAWN,
  };
};
