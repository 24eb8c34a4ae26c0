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

/** What a planner is asked at a point, and what it drew there. */
interface Asked {
  readonly prompt: readonly PromptSegment[];
  readonly drawn: readonly Candidate[];
}

/** Of the candidates at each point. */
type Likelihoods = readonly (readonly Likelihood[])[];

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
  const asked_P = await mapConcurrently(points, 1, async (point, i) => {
    const key = deriveKey(options.key, i);
    return [await ask(point, before, key, options), await ask(point, after, key, options)] as const;
  });
  const candidates_P = points.map(({ said }, i): readonly Candidate[] => {
    const all = [...said, ...(asked_P[i] ?? []).flatMap(({ drawn }) => drawn)];
    return [...new Map(all.map((one) => [one.ids.join(), one])).values()];
  });
  const scoredBy = (version: PlannerVersion, v: 0 | 1): Promise<Likelihoods> =>
    likelihoods(run, version, candidates_P, (p) => asked_P[p]?.[v].prompt ?? []);
  // Weights change hands twice and no more, however many turns there are.
  const [old_P, new_P] = [await scoredBy(before, 0), await scoredBy(after, 1)];
  return candidates_P.map((candidates, p) =>
    candidates
      .map(({ step }, i) => ({
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

/** What a planner is asked is known once it is asked: by a draw that is not counted, where none is wanted. */
const ask = async (
  { state, turns }: ChoicePoint,
  { name, versions, planner }: PlannerVersion,
  key: RandomKey,
  { draws, concurrency, abortSignal }: ChoicesOptions,
): Promise<Asked> => {
  const count = Math.max(1, draws);
  const plans = await mapConcurrently(Array.from({ length: count }), concurrency, async (_, k): Promise<Plan> => {
    const history = `why/${name}/${state.turn}/${k}`;
    const context: ModuleContext = { history, randomKey: deriveKey(key, k), turns, versions, abortSignal };
    try {
      return await planner(state, context);
    } finally {
      planner.release?.(history);
    }
  });
  return {
    prompt: plans[0]?.sampled?.prompt ?? [],
    drawn: plans
      .slice(0, draws)
      .flatMap(({ step, sampled }) => (sampled === undefined ? [] : { step, ids: sampled.ids })),
  };
};

const likelihoods = async (
  { policy }: PlannersOfRun,
  { hash }: PlannerVersion,
  candidates_P: readonly (readonly Candidate[])[],
  promptAt: (p: number) => readonly PromptSegment[],
): Promise<Likelihoods> => {
  await policy.restore(hash);
  const { tokenizer } = policy.engine;
  const found: Likelihood[][] = [];
  for (const [p, candidates] of candidates_P.entries()) {
    const { logProbs } = await policy.forward(candidates.map((one) => sequenceOf(promptAt(p), one)));
    found.push(
      candidates.map(({ step, ids }, i) => {
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

const sequenceOf = (prompt: readonly PromptSegment[], { ids }: Candidate): TrainingSequence => {
  const head = prompt.flatMap((segment) => segment.ids);
  return { ids: [...head, ...ids], targets: ids.map((_, i) => head.length + i) };
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
