import type { Arm, EvaluationArm, TrainingArm } from "../arm.ts";

/** Of what a person may have pulled: fifty times as large as the built-in planner. */
export const LARGE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct";

/** Runs of learning, each with the evaluation of its planner. */
const trainings: readonly Omit<TrainingArm, "kind">[] = [
  { name: "flow-grpo", about: "the planner learns in the flow, as by default" },
  {
    name: "single-policy",
    about: "one model that calls, stops and answers learns by GRPO",
    single: true,
    from: "single-start",
    effort: 1.2,
  },
  {
    name: "last-turn",
    about: "only the last turn of a rollout learns from its outcome",
    grpo: { stepCredit: "last-turn" },
  },
  { name: "stale", about: "the same updates, all from rollouts of the untrained planner", stale: true },
  { name: "permuted", about: "the control: rewards are dealt out at random", permuteRewards: true },
  {
    name: "shaping",
    about: "a turn that brings something new is rewarded beside the outcome",
    grpo: { stepCredit: "discovery" },
  },
  { name: "step-credit", about: "steps from the same state are compared (GiGPO)", grpo: { stepCredit: "same-state" } },
  {
    name: "groups-of-4",
    about: "24 tasks × 4 rollouts a step instead of 12 × 8",
    grpo: { groupSize: 4, tasksPerStep: 24 },
  },
  {
    name: "groups-of-16",
    about: "6 tasks × 16 rollouts a step instead of 12 × 8",
    grpo: { groupSize: 16, tasksPerStep: 6 },
  },
  { name: "kl", about: "β 0.001 instead of 0", grpo: { beta: 0.001 }, effort: 1.3 },
  {
    name: "two-updates",
    about: "two updates a batch, clipped at 0.2 and 0.3",
    grpo: { updatesPerBatch: 2 },
    effort: 1.6,
  },
  {
    name: "two-updates-unclipped",
    about: "two updates a batch without a clip",
    grpo: { updatesPerBatch: 2, clipLow: 1, clipHigh: 1e6 },
    effort: 1.6,
  },
  { name: "verifier", about: "the verifier learns, the planner does not", train: ["verifier"], effort: 3 },
  {
    name: "planner-verifier",
    about: "planner and verifier learn from one reward",
    train: ["planner", "verifier"],
    effort: 4,
  },
];

/** The evaluation of what a run of learning has made. */
const evaluationOf = ({ name, about, single, train = ["planner"] }: Omit<TrainingArm, "kind">): EvaluationArm => ({
  kind: "evaluation",
  name,
  about,
  ...(train.includes("planner") && { planner: `train ${name}` }),
  ...(train.includes("verifier") && { verifier: `train ${name}` }),
  ...(single !== undefined && { single }),
});

const trained = "train flow-grpo";
const evaluation = (
  name: string,
  about: string,
  rest: Omit<EvaluationArm, "kind" | "name" | "about">,
): EvaluationArm => ({
  kind: "evaluation",
  name,
  about,
  ...rest,
});

/** Everything that can be run, by name. */
export const arms: Readonly<Record<string, Arm>> = Object.fromEntries(
  [
    evaluation("untrained", "the built-in planner after its cold start", {}),
    ...trainings.flatMap((training): Arm[] => [
      { ...training, kind: "training", name: `train ${training.name}` },
      evaluationOf(training),
    ]),
    evaluation("3 turns", "the trained planner with at most 3 turns", { planner: trained, turns: 3 }),
    evaluation("5 turns", "the trained planner with at most 5 turns", { planner: trained, turns: 5 }),
    evaluation("7 turns", "the trained planner with at most 7 turns", { planner: trained, turns: 7 }),
    evaluation("no verifier", "the trained planner; no gate, nobody stops it", {
      planner: trained,
      variant: "no verifier",
    }),
    evaluation("no memory", "the trained planner, which sees no results", { planner: trained, variant: "no memory" }),
    evaluation("no analysis", "the trained planner; nobody reads the question first", {
      planner: trained,
      variant: "no analysis",
    }),
    evaluation("no generator", "the trained planner; the last result is the answer", {
      planner: trained,
      variant: "no generator",
    }),
    evaluation("large", `${LARGE_MODEL}, untrained, as the planner`, {
      model: LARGE_MODEL,
      sizes: { heldOutPages: 54, heldOutFamily: 0 },
    }),
    {
      kind: "imitation",
      name: "single-start",
      about: "the built-in planner is shown how plans end with an answer",
      shown: "finished plans",
      steps: 120,
    },
    {
      kind: "imitation",
      name: "imitate own",
      about: "the flow's own successes, imitated offline",
      shown: "successes",
      of: trained,
      steps: 200,
    },
    {
      kind: "imitation",
      name: "imitate oracle",
      about: "as many plans of the oracle, imitated offline",
      shown: "oracle",
      of: trained,
      steps: 200,
    },
    evaluation("own-imitation", "the planner that imitated the flow's own successes", { planner: "imitate own" }),
    evaluation("oracle-imitation", "the planner that imitated the oracle's plans", { planner: "imitate oracle" }),
    { kind: "cold start", name: "cold start", about: "all plans that the built-in planner was shown", of: "flow-grpo" },
  ].map((arm) => [arm.name, arm as Arm]),
);
