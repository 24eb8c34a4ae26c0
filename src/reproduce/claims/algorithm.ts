import { type Claim, PAPER, POINTS } from "../claim.ts";
import { accuracyGain } from "../measures/accuracy.ts";

const both = ["heldOutPages", "heldOutFamily"] as const;

/** One way to learn against another, at the same number of steps and rollouts. */
const against = (
  id: string,
  better: string,
  worse: string,
  texts: Pick<Claim, "sentence" | "published" | "measured"> & Partial<Pick<Claim, "note">>,
  beside: readonly string[] = [],
): Claim => ({
  id,
  ...texts,
  arms: [better, worse, ...beside, `train ${better}`, `train ${worse}`],
  measure: accuracyGain({ id, better, worse, sets: both, beside }),
  least: POINTS,
});

const argued = (what: string): Claim["published"] => ({ figure: "no figure", source: `${PAPER}, ${what}` });

/** How rewards become updates. */
export const algorithmClaims: readonly Claim[] = [
  against("broadcast", "flow-grpo", "last-turn", {
    sentence: "One outcome for all turns beats training the last turn only.",
    published: argued("broadcast of the outcome"),
    measured: "accuracy, against the same run in which only the last turn of a rollout learns",
  }),
  against("shaping", "flow-grpo", "shaping", {
    sentence: "One outcome for all turns beats rewards for single turns.",
    published: argued("broadcast of the outcome"),
    measured: "accuracy, against the same run with credit for turns that bring something new",
  }),
  against("step-credit", "step-credit", "flow-grpo", {
    sentence: "Comparing steps from the same state beats one outcome for all turns (GiGPO).",
    published: { figure: "ALFWorld 77.6 → 90.8, WebShop 66.1 → 75.2", source: "arXiv 2505.10978, against GRPO" },
    measured: "accuracy, with GiGPO's credit against without",
  }),
  against(
    "group-size",
    "flow-grpo",
    "groups-of-4",
    {
      sentence: "Groups of 8 beat smaller ones at the same number of rollouts.",
      published: argued("the recipe has groups of 8"),
      measured: "accuracy, 12 tasks × 8 rollouts a step against 24 × 4",
      note: "Smaller groups see more tasks.",
    },
    ["groups-of-16"],
  ),
  against("kl", "kl", "flow-grpo", {
    sentence: "The KL to the reference helps.",
    published: argued("the recipe has β 0.001"),
    measured: "accuracy, β 0.001 against 0",
  }),
  against("clip", "two-updates", "two-updates-unclipped", {
    sentence: "The clip makes several updates a batch better.",
    published: argued("the recipe clips at 0.2 and 0.3"),
    measured: "accuracy, two updates a batch with the clip against without",
    note: "With one update a batch, as by default here, nothing can clip.",
  }),
  against("on-policy", "flow-grpo", "stale", {
    sentence: "Learning while doing beats the same updates from a fixed, stale policy.",
    published: argued("on-policy learning in the flow"),
    measured: "accuracy, against as many updates from rollouts of the untrained planner",
    note: "Tokens of the stale rollouts weigh min(π/π₀, 2); no step is undone.",
  }),
];
