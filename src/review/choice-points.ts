import type { EnvironmentTask } from "../environment.ts";
import type { FlowState } from "../module.ts";
import { queryOf } from "../task.ts";
import { stepOf, type Trajectory } from "../trajectory.ts";
import type { Candidate, ChoicePoint } from "./choices.ts";
import type { PlannersOfRun } from "./planners-of-run.ts";
import type { Solved } from "./solves.ts";
import type { Counterfactual } from "./why-types.ts";

/** Two solves are at the same point when all that a planner sees of it is the same. */
export const keyOf = ({ memory }: Trajectory, turn: number): string => JSON.stringify(memory.slice(0, turn - 1));

const candidateIn = ({ memory, turns }: Trajectory, turn: number): Candidate | undefined => {
  const sampled = turns.find((one) => one.module === "planner" && one.turn === turn);
  const step = memory[turn - 1]?.step;
  return sampled === undefined || step === undefined ? undefined : { step, ids: sampled.ids };
};

/** All points at which one of the solves made a choice, each once, with what was said there. */
export const pointsOf = (
  { learning: { tools, engine } }: PlannersOfRun,
  task: EnvironmentTask,
  /** Of the old planner, the new one, and where it was made to choose otherwise. */
  solves: readonly Solved[],
  counterfactual: Counterfactual | undefined,
): ReadonlyMap<string, ChoicePoint> => {
  const points = new Map<string, ChoicePoint>();
  for (const [s, { trajectory }] of solves.entries())
    for (const { index, turnsLeft } of trajectory.memory) {
      const key = keyOf(trajectory, index);
      const candidate = candidateIn(trajectory, index);
      const asked = s === 1 && counterfactual?.from === index ? counterfactual.choose : undefined;
      // Ends as what was sampled here does.
      const end = candidate?.ids.at(-1);
      const other =
        asked === undefined || end === undefined
          ? undefined
          : { step: stepOf(asked), ids: [...engine.tokenizer.encode(asked.trim()), end] };
      const state: FlowState = {
        query: queryOf(task),
        analysis: trajectory.analysis,
        tools,
        memory: trajectory.memory.slice(0, index - 1),
        turn: index,
        turnsLeft: turnsLeft + 1,
      };
      const turns = trajectory.turns.filter(({ turn }) => turn < index);
      const said = [candidate, other].filter((one) => one !== undefined);
      const met = points.get(key);
      points.set(key, { state, turns, ...met, said: [...(met?.said ?? []), ...said] });
    }
  return points;
};
