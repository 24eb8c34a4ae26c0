import type { PromptSegment, TrainingSequence } from "../engine.ts";
import type { FlowState, ModuleContext, Plan } from "../module.ts";
import { deriveKey, type RandomKey } from "../random.ts";
import { mapConcurrently } from "../train/index.ts";
import type { Step, TrainedTurn } from "../trajectory.ts";
import type { PlannersOfRun, PlannerVersion } from "./planners-of-run.ts";
import type { Choice, Likelihood } from "./why-types.ts";

/** The state before a turn: what a planner is asked, and what it said if it was asked. */
export interface ChoicePoint {
  readonly state: FlowState;
  /** Earlier turns of the planner. */
  readonly turns: readonly TrainedTurn[];
  /** Plans that are scored in any case. */
  readonly said: readonly Candidate[];
}

/** A plan by its text and its tokens. */
export interface Candidate {
  readonly step: Step;
  readonly ids: readonly number[];
}

export interface ChoicesOptions {
  readonly key: RandomKey;
  /** Plans that each planner draws at a turn, to find what else it would say. */
  readonly draws: number;
  readonly concurrency: number;
  readonly abortSignal: AbortSignal;
}

/** A candidate with the prompt that it follows. */
interface Scored {
  readonly prompt: readonly PromptSegment[];
  readonly candidate: Candidate;
}

/**
 * What both planners might say at some points, each with its likelihood under both: what was said there, and what either of
 * them drew. Likelihoods are the trainer's own forward pass over the sampled tokens. The likeliest under the new planner
 * come first.
 */
export const choicesAt = async (
  run: PlannersOfRun,
  points: readonly ChoicePoint[],
  options: ChoicesOptions,
): Promise<readonly (readonly Choice[])[]> => {
  const { before, after } = run;
  const drawn = await mapConcurrently(points, 1, async (point, i) => {
    const key = deriveKey(options.key, i);
    return [await draw(run, point, before, key, options), await draw(run, point, after, key, options)].flat();
  });
  // What the planner is asked is known once it is asked: a draw that is not counted, where none is wanted.
  const asked_P =
    options.draws > 0
      ? drawn
      : await mapConcurrently(points, 1, (point, i) =>
          draw(run, point, before, deriveKey(options.key, i), { ...options, draws: 1 }),
        );
  const scored_P = points.map(({ said }, i): readonly Scored[] => {
    const found = drawn[i] ?? [];
    const prompt = asked_P[i]?.[0]?.prompt ?? [];
    const all = [...said.map((candidate) => ({ prompt, candidate })), ...found];
    return [...new Map(all.map((one) => [one.candidate.ids.join(), one])).values()];
  });
  // Weights change hands twice and no more, however many turns there are.
  const [old_P, new_P] = [await likelihoods(run, scored_P, before), await likelihoods(run, scored_P, after)];
  return scored_P.map((scored, p) =>
    scored
      .map(({ candidate: { step } }, i) => ({
        text: step.raw.trim(),
        tool: step.tool,
        subGoal: step.subGoal,
        before: old_P[p]?.[i] ?? NEVER,
        after: new_P[p]?.[i] ?? NEVER,
      }))
      .sort((a, b) => b.after.logProb - a.after.logProb),
  );
};

const NEVER: Likelihood = { logProb: Number.NEGATIVE_INFINITY, tool: null, subGoal: null };

const draw = async (
  { planner }: PlannersOfRun,
  { state, turns }: ChoicePoint,
  { name, versions }: PlannerVersion,
  key: RandomKey,
  { draws, concurrency, abortSignal }: ChoicesOptions,
): Promise<Scored[]> => {
  const plans = await mapConcurrently(Array.from({ length: draws }), concurrency, async (_, k): Promise<Plan> => {
    const history = `why/${name}/${state.turn}/${k}`;
    const context: ModuleContext = { history, randomKey: deriveKey(key, k), turns, versions, abortSignal };
    try {
      return await planner(state, context);
    } finally {
      planner.release?.(history);
    }
  });
  return plans.flatMap(({ step, sampled }) =>
    sampled === undefined ? [] : [{ prompt: sampled.prompt, candidate: { step, ids: sampled.ids } }],
  );
};

const likelihoods = async (
  { policy }: PlannersOfRun,
  scored_P: readonly (readonly Scored[])[],
  { hash }: PlannerVersion,
): Promise<readonly (readonly Likelihood[])[]> => {
  await policy.restore(hash);
  const { tokenizer } = policy.engine;
  const found: Likelihood[][] = [];
  for (const scored of scored_P) {
    const { logProbs } = await policy.forward(scored.map(sequenceOf));
    found.push(
      scored.map(({ candidate: { step, ids } }, i) => {
        const each = [...(logProbs[i] ?? [])];
        const named = step.tool === "" ? undefined : tokensOfTool(step.tool, ids, (some) => tokenizer.decode(some));
        return {
          logProb: sum(each),
          tool: named === undefined ? null : sum(each.slice(0, named)),
          subGoal: named === undefined ? null : sum(each.slice(named)),
        };
      }),
    );
  }
  return found;
};

const sequenceOf = ({ prompt, candidate }: Scored): TrainingSequence => {
  const head = prompt.flatMap(({ ids }) => ids);
  return { ids: [...head, ...candidate.ids], targets: candidate.ids.map((_, i) => head.length + i) };
};

/** How many of a plan's tokens it takes until the tool's name is said. */
const tokensOfTool = (
  tool: string,
  ids: readonly number[],
  decode: (ids: readonly number[]) => string,
): number | undefined => {
  for (let n = 1; n <= ids.length; n += 1) if (decode(ids.slice(0, n)).includes(tool)) return n;
  return undefined;
};

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
