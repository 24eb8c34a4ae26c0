import { type Claim, PAPER, POINTS } from "../claim.ts";
import { accuracyGain } from "../measures/accuracy.ts";
import { depthIsSelective, turnsHelp } from "../measures/turns.ts";

const both = ["heldOutPages", "heldOutFamily"] as const;
const NONE = { figure: "no figure", source: `${PAPER}, the argument for four modules` } as const;
const TRAINED_WITH =
  "The planner was trained with this part and evaluated without it: one that is trained without it may do better.";

/** A part of the flow, by what is lost without it. */
const part = (id: string, sentence: string, measured: string, without: string, note = TRAINED_WITH): Claim => ({
  id,
  sentence,
  published: NONE,
  measured,
  arms: ["flow-grpo", without],
  measure: accuracyGain({ id, better: "flow-grpo", worse: without, sets: both }),
  least: POINTS,
  note,
});

/** What the parts of the flow are for. */
export const flowClaims: readonly Claim[] = [
  {
    id: "turn-cap",
    sentence: "More allowed turns raise accuracy, while few are taken.",
    published: {
      figure: "at most 3 → 10 turns: +6 to +20 points at 1.9 to 5.4 turns on average",
      source: `${PAPER}, turns at test time`,
    },
    measured: "accuracy with the task's own limit, at most 10 turns, less accuracy with at most 3",
    arms: ["flow-grpo", "3 turns", "5 turns", "7 turns"],
    measure: turnsHelp,
    least: POINTS,
    note: "The limit of a question is its shortest plan and three turns; many questions cannot be answered in three at all.",
  },
  {
    id: "depth",
    sentence: "Depth is selective: harder questions take more turns.",
    published: { figure: "1.9 to 5.4 turns on average by set", source: `${PAPER}, turns at test time` },
    measured: "turns of solved questions for each further action that a question needs",
    arms: ["flow-grpo"],
    measure: depthIsSelective,
    least: 0.1,
    note: "A question cannot be solved in fewer turns than it needs; what says more are the turns beyond that.",
  },
  part(
    "verifier-matters",
    "The verifier matters.",
    "accuracy, against the flow without a gate before calls and without anyone who stops it",
    "no verifier",
  ),
  part(
    "memory-matters",
    "Memory matters.",
    "accuracy, against a planner that sees its calls and no results",
    "no memory",
  ),
  part(
    "analysis-matters",
    "Query analysis matters.",
    "accuracy, against the flow in which nobody names entities and the asked unit",
    "no analysis",
    `${TRAINED_WITH} The built-in planner refers to entities by the names that the analysis gives them, and the verifier to the unit.`,
  ),
  part(
    "generator-matters",
    "The generator matters.",
    "accuracy, against the last result as the answer",
    "no generator",
    "The generator goes by rules: it takes the newest value of the asked kind, which mostly is the last result.",
  ),
  {
    id: "planner-or-verifier",
    sentence: "Training the planner brings more than training the verifier.",
    published: NONE,
    measured: "accuracy, planner trained against verifier trained",
    arms: ["flow-grpo", "verifier", "untrained"],
    measure: accuracyGain({
      id: "planner-or-verifier",
      better: "flow-grpo",
      worse: "verifier",
      sets: both,
      beside: ["untrained"],
    }),
    least: POINTS,
    note: "The verifier that learns first imitates the rules.",
  },
  {
    id: "planner-and-verifier",
    sentence: "Training planner and verifier together brings more than the planner alone.",
    published: { figure: "no figure", source: "a question that the paper leaves open" },
    measured: "accuracy, both trained from one reward against the planner trained and the verifier by rules",
    arms: ["planner-verifier", "flow-grpo"],
    measure: accuracyGain({
      id: "planner-and-verifier",
      better: "planner-verifier",
      worse: "flow-grpo",
      sets: both,
    }),
    least: POINTS,
  },
  {
    id: "planner-or-executor",
    sentence: "Training the planner brings more than training the executor.",
    published: NONE,
    measured: "accuracy, planner trained against executor trained",
    arms: [],
    measure: () => {
      throw new TypeError("The executor is not trained here.");
    },
    least: POINTS,
    absent: () =>
      "the executor of the embedded planner goes by rules and has nothing to learn; planner and verifier can be trained",
  },
];
