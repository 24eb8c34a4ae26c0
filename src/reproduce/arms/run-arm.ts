import type { Arm } from "../arm.ts";
import type { ArmResult } from "../result.ts";
import { runColdStart } from "./cold-start.ts";
import type { ArmContext } from "./context.ts";
import { runEvaluation } from "./evaluation.ts";
import { runImitation } from "./imitation.ts";
import { runTraining } from "./training.ts";

/** What an arm comes to, without what names it. */
type Bare<Result> = Result extends ArmResult
  ? Omit<Result, "schemaVersion" | "arm" | "seed" | "key" | "seconds">
  : never;

/** Runs an arm, or continues where it was stopped. */
export const runArm = (arm: Arm, context: ArmContext): Promise<Bare<ArmResult>> => {
  switch (arm.kind) {
    case "training":
      return runTraining(arm, context);
    case "imitation":
      return runImitation(arm, context);
    case "evaluation":
      return runEvaluation(arm, context);
    case "cold start":
      return runColdStart(arm, context);
  }
};
