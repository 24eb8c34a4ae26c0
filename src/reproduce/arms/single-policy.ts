import { FINISH, finishing, singlePolicy } from "../../benchmarks/baselines.ts";
import type {
  Environment,
  EnvironmentSealed,
  EnvironmentSource,
  EnvironmentTask,
  TaskSets,
} from "../../environment.ts";
import { answerFieldOf, statedValue } from "../../flow/observation.ts";
import { fits } from "../../flow/rules/fits.ts";
import type { FlowState, Planner } from "../../module.ts";
import { stepOf } from "../../trajectory.ts";

/**
 * The environment of a single policy: one model writes the calls, decides when it knows enough, and writes the answer with
 * `final_answer`; nobody judges and nobody else answers. Tools, tasks, rewards, the gate before each call and the reading of
 * the question are those of the flow, and so is every setting. It has one turn more, for the answer. Random plans, which are
 * imitated, end with `final_answer` where the flow's verifier by rules would have ended them.
 */
export const singlePolicyOf = (source: EnvironmentSource): EnvironmentSource => ({
  name: `${source.name}, single policy`,
  open: async (opening) => singleIn(await source.open(opening)),
});

const singleIn = (environment: Environment): Environment => ({
  ...environment,
  name: `${environment.name}, single policy`,
  record: { ...environment.record, singlePolicy: true },
  train: (family, index) => longer(environment.train(family, index)),
  evaluation: (split, sizes) =>
    Object.fromEntries(
      Object.entries(environment.evaluation(split, sizes)).map(([set, tasks]) => [set, tasks.map(longer)]),
    ) as unknown as TaskSets,
  tools: (model) => ({ ...environment.tools(model), [FINISH]: finishing }),
  flow: { ...environment.flow, ...singlePolicy() },
  randomValid: (reading, taskOf) => finishingPlanner(environment.randomValid(reading, taskOf)),
  exercise: (task, draws) => withoutFinish(environment.exercise(task, draws)),
});

const longer = (task: EnvironmentTask<EnvironmentSealed>): EnvironmentTask<EnvironmentSealed> =>
  task.turnLimit === undefined ? task : { ...task, turnLimit: task.turnLimit + 1 };

const others = (state: FlowState): FlowState => {
  const { [FINISH]: _, ...tools } = state.tools;
  return { ...state, tools };
};

const withoutFinish =
  (planner: Planner): Planner =>
  (state, context) =>
    planner(others(state), context);

/** Answers as soon as the newest result states a value of the asked kind. */
const finishingPlanner =
  (planner: Planner): Planner =>
  (state, context) => {
    const last = state.memory.at(-1);
    return last !== undefined && fits(statedValue(last.observation), state.analysis.unit)
      ? { step: stepOf(`${FINISH} @${last.index}.${answerFieldOf(last.observation)}`) }
      : planner(others(state), context);
  };
