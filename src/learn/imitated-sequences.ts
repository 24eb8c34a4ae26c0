import type { Engine, Tokenizer, TrainingSequence } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { END, type PromptEngine } from "../flow/model/prompt-form.ts";
import { type TrajectorySegmentsOptions, trajectorySegments } from "../flow/model/trajectory-segments.ts";
import { deriveKey, type RandomKey } from "../random.ts";
import { queryOf, type Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Recipe } from "./recipe.ts";

/** Starts the reply of a completion, as `engineModel` asks for it. */
export const ANSWER = "<answer>";

/** Runs a flow with a scripted planner over tasks and keeps what happened. The same key gives the same trajectories. */
export const demonstrate = async (
  flow: Flow,
  tasks: readonly Task[],
  key: RandomKey,
  abortSignal?: AbortSignal,
): Promise<Trajectory[]> => {
  const trajectories: Trajectory[] = [];
  for (const [i, task] of tasks.entries()) {
    const { trajectory } = await flow.solve(queryOf(task), {
      id: `demonstration-${i}`,
      randomKey: deriveKey(key, i),
      ...(abortSignal && { abortSignal }),
    });
    abortSignal?.throwIfAborted();
    trajectories.push(trajectory);
  }
  return trajectories;
};

export type PlannerEngine = PromptEngine & Pick<Engine, "contextLength">;

/** A trajectory as its planner would have sampled it; every action token is a target. */
export const imitation = (
  engine: PlannerEngine,
  trajectory: Trajectory,
  options?: TrajectorySegmentsOptions,
): TrainingSequence => {
  const { ids, targets } = trajectorySegments(engine, trajectory, options);
  return { ids, targets };
};

/** The same, but only actions of which something came are targets; what failed or was refused is there to be seen. */
export const whatWorked = (
  engine: PlannerEngine,
  trajectory: Trajectory,
  options?: TrajectorySegmentsOptions,
): TrainingSequence => {
  const { ids, targets, turns } = trajectorySegments(engine, trajectory, options);
  const worked = (turn: number | undefined): boolean => trajectory.memory[turn ?? -1]?.observation.status === "ok";
  return { ids, targets: targets.filter((_, i) => worked(turns[i])) };
};

/** What a recipe imitates of random plans. */
export const imitatedOf = ({ mistakes = 0 }: Pick<Recipe, "mistakes">): typeof imitation =>
  mistakes > 0 ? whatWorked : imitation;

/**
 * The last action of a trajectory, given its tool: what follows the tool's name is a target, the name itself and all that
 * came before are not.
 */
export const lastArguments = (
  engine: PlannerEngine,
  trajectory: Trajectory,
  options?: TrajectorySegmentsOptions,
): TrainingSequence => {
  const { ids, targets, turns } = trajectorySegments(engine, trajectory, options);
  const last = targets.filter((_, i) => turns[i] === trajectory.memory.length - 1);
  return { ids, targets: last.slice(engine.tokenizer.encode(trajectory.memory.at(-1)?.step.tool ?? "").length) };
};

/** A question and its answer, as a completion of the model's own: what `base_generator` asks for. */
export const completion = (tokenizer: Tokenizer, prompt: string, answer: string): TrainingSequence => {
  const given = [...tokenizer.encode(prompt), idOf(tokenizer, ANSWER)];
  const reply = [...tokenizer.encode(answer), idOf(tokenizer, END)];
  return { ids: [...given, ...reply], targets: reply.map((_, i) => given.length + i) };
};

const idOf = (tokenizer: Tokenizer, token: string): number => {
  const id = tokenizer.idOf(token);
  if (id === undefined) throw new EngineError(`The vocabulary has no token ${token}.`);
  return id;
};
