import type { SetName } from "../environment.ts";
import type { TrainableName } from "../learn/modules.ts";
import type { GrpoSettings } from "../train/index.ts";
import type { VariantName } from "./arms/variants.ts";

/** A run of learning in the flow. What is not named is as the built-in planner learns by default. */
export interface TrainingArm {
  readonly kind: "training";
  readonly name: string;
  /** What it is, for people. */
  readonly about: string;
  readonly grpo?: Partial<Omit<GrpoSettings, "learningRate">>;
  /** Modules that learn. @default the planner */
  readonly train?: readonly TrainableName[];
  /** One model that also stops and answers, instead of four modules. @default false */
  readonly single?: boolean;
  /** All rollouts are of the version that the run began with. @default false */
  readonly stale?: boolean;
  /** The control: rewards are dealt out at random. @default false */
  readonly permuteRewards?: boolean;
  /** Arm whose weights it begins with. @default the built-in planner */
  readonly from?: string;
  /** How long a step takes, compared with the plain run. @default 1 */
  readonly effort?: number;
}

/** Supervised training on trajectories that exist before it. */
export interface ImitationArm {
  readonly kind: "imitation";
  readonly name: string;
  readonly about: string;
  /** The rollouts that solved their tasks in another arm; as many plans of the oracle; or random plans that end with an answer. */
  readonly shown: "successes" | "oracle" | "finished plans";
  /** The arm whose successes are imitated, or counted. */
  readonly of?: string;
  readonly steps: number;
}

/** A planner on tasks that nobody has trained on. */
export interface EvaluationArm {
  readonly kind: "evaluation";
  readonly name: string;
  readonly about: string;
  /** Arms whose weights play, the planner's and the verifier's. @default the built-in ones, and rules */
  readonly planner?: string;
  readonly verifier?: string;
  /** What is missing in the flow. @default nothing */
  readonly variant?: VariantName;
  readonly single?: boolean;
  /** Most turns, where the task's own limit is not lower. @default the task's own */
  readonly turns?: number;
  /** A published model, by name, as the planner. */
  readonly model?: string;
  /** @default about 216 and 136 */
  readonly sizes?: Partial<Readonly<Record<SetName, number>>>;
}

/** Which of the chains that a trained planner uses the cold start has shown. */
export interface ColdStartArm {
  readonly kind: "cold start";
  readonly name: string;
  readonly about: string;
  /** The evaluation whose chains are looked for. */
  readonly of: string;
}

/** One thing that is run for a seed. Claims share arms: each is run once. */
export type Arm = TrainingArm | ImitationArm | EvaluationArm | ColdStartArm;

/** Arms that have to be there before this one. */
export const neededBy = (arm: Arm): readonly string[] => {
  const names = {
    training: (one: TrainingArm) => [one.from],
    imitation: (one: ImitationArm) => [one.of],
    evaluation: (one: EvaluationArm) => [one.planner, one.verifier],
    "cold start": (one: ColdStartArm) => [one.of],
  };
  return (names[arm.kind] as (one: Arm) => readonly (string | undefined)[])(arm).flatMap((name) => name ?? []);
};
