import { AgentFlowError } from "../errors.ts";
import { count, number, ruleOf, withDefaults } from "../options.ts";

export interface StepGuardOptions {
  /** Most that one step may move a policy: D_KL(π_old‖π_θ) in nats a token. @default 0.05 */
  readonly klStep?: number | undefined;
  /** What the learning rate is multiplied by after a step that was undone. @default 0.5 */
  readonly shrink?: number | undefined;
  /** Steps in a row that may be undone before training ends with an error. @default 12 */
  readonly patience?: number | undefined;
}

export const guardDefaults = { klStep: 0.05, shrink: 0.5, patience: 12 };

export const guardRule = ruleOf<StepGuardOptions>({
  klStep: number({ above: 0 }),
  shrink: number({ above: 0, below: 1 }),
  patience: count,
});

/**
 * Watches how far each step moves the policies. One that went too far is undone, and all later ones are smaller:
 * a learning rate that would destroy a policy costs a few steps instead.
 */
export interface StepGuard {
  /** Share of the scheduled learning rate to use now. */
  readonly stepScale: number;
  /** What a run resumes with. */
  readonly state: GuardState;
  /** Whether the step moved a policy so far that it has to be undone. */
  undoes(klStep: number): boolean;
}

/** Share of the learning rate, and steps in a row that were undone. */
export interface GuardState {
  readonly stepScale: number;
  readonly inARow: number;
}

const fresh: GuardState = { stepScale: 1, inARow: 0 };

/** `options` that keep `guardRule`. */
export const stepGuard = (options: StepGuardOptions | false, state: GuardState = fresh): StepGuard => {
  if (options === false) return { stepScale: 1, state: fresh, undoes: () => false };
  const { klStep: most, shrink, patience } = withDefaults(guardDefaults, options);
  let { stepScale, inARow } = state;
  return {
    get state() {
      return { stepScale, inARow };
    },
    get stepScale() {
      return stepScale;
    },
    undoes: (klStep) => {
      // A policy that is not finite has gone too far as well.
      if (klStep <= most) {
        inARow = 0;
        return false;
      }
      inARow += 1;
      if (inARow > patience)
        throw new AgentFlowError(
          `${inARow} steps in a row moved the policy too far (${klStep.toFixed(2)} nats per token; ${most} is accepted) and were undone. Lower the learning rate, or look at the rewards.`,
        );
      stepScale *= shrink;
      return true;
    },
  };
};
