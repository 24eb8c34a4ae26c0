import { messageOf } from "../../errors.ts";
import { findModel } from "../../setup/local-model.ts";
import { LARGE_MODEL } from "../arms/all.ts";
import { type Claim, PAPER, POINTS } from "../claim.ts";
import { accuracyGain } from "../measures/accuracy.ts";
import { chainsAppear } from "../measures/chains.ts";
import { errorsFall, sharesMove } from "../measures/conduct.ts";

const both = ["heldOutPages", "heldOutFamily"] as const;

/** What learning in the flow does. */
export const trainingClaims: readonly Claim[] = [
  {
    id: "trained",
    sentence: "The planner that learnt in the flow beats the untrained one.",
    published: { figure: "38.5 → 55.7 % (+17.2), mean of six sets", source: `${PAPER}, planner ablation` },
    measured: "accuracy on unseen pages",
    arms: ["untrained", "flow-grpo", "train flow-grpo"],
    measure: accuracyGain({ id: "trained", better: "flow-grpo", worse: "untrained", sets: ["heldOutPages"] }),
    least: POINTS,
  },
  {
    id: "transfer",
    sentence: "Trained on one set of families, the planner is better on others.",
    published: {
      figure: "trained on NQ and DeepMath, ten other sets gain 4.0 to 23.3 points",
      source: `${PAPER}, headline results`,
    },
    measured: "accuracy on seventeen families that are in no training task",
    arms: ["untrained", "flow-grpo"],
    measure: accuracyGain({ id: "transfer", better: "flow-grpo", worse: "untrained", sets: ["heldOutFamily"] }),
    least: POINTS,
    note: "The other families ask of the same tools and the same kinds of pages.",
  },
  {
    id: "reward",
    sentence: "The gain comes from the reward.",
    published: { figure: "no figure", source: "a control of this project" },
    measured: "accuracy, against the same run with its rewards dealt out at random",
    arms: ["flow-grpo", "permuted", "untrained"],
    measure: accuracyGain({ id: "reward", better: "flow-grpo", worse: "permuted", sets: both, beside: ["untrained"] }),
    least: POINTS,
  },
  {
    id: "small-beats-large",
    sentence: "A small trained planner beats a larger untrained one.",
    published: {
      figure: "7B trained 55.7 % against GPT-4o as the planner 44.3 %",
      source: `${PAPER}, planner ablation`,
    },
    measured: `accuracy on unseen pages, against ${LARGE_MODEL}, fifty times as large`,
    arms: ["flow-grpo", "large"],
    measure: accuracyGain({ id: "small-beats-large", better: "flow-grpo", worse: "large", sets: ["heldOutPages"] }),
    least: POINTS,
    absent: async () => {
      try {
        await findModel(LARGE_MODEL);
        return undefined;
      } catch (error) {
        return messageOf(error);
      }
    },
    note: "The larger model was never shown the form of these actions; it has their description.",
  },
  {
    id: "flow-beats-imitation",
    sentence: "Learning in the flow beats offline imitation of the same successful trajectories.",
    published: { figure: "+17.2 against −19.0", source: `${PAPER}, planner ablation` },
    measured: "accuracy, against 200 steps of imitation of all rollouts that the flow's run solved",
    arms: ["flow-grpo", "own-imitation", "untrained"],
    measure: accuracyGain({
      id: "flow-beats-imitation",
      better: "flow-grpo",
      worse: "own-imitation",
      sets: both,
      beside: ["untrained"],
    }),
    least: POINTS,
    note: "The flow's later successes are those of a better planner: who imitates them offline is given what the flow found.",
  },
  {
    id: "flow-beats-expert",
    sentence: "Learning in the flow beats offline imitation of as many trajectories of an expert.",
    published: { figure: "+17.2 against −19.0", source: `${PAPER}, planner ablation` },
    measured: "accuracy, against 200 steps of imitation of as many plans of the oracle as the flow had successes",
    arms: ["flow-grpo", "oracle-imitation", "untrained"],
    measure: accuracyGain({
      id: "flow-beats-expert",
      better: "flow-grpo",
      worse: "oracle-imitation",
      sets: both,
      beside: ["untrained"],
    }),
    least: POINTS,
    note: "The oracle knows the shortest plan of each question: no expert of the paper did.",
  },
  {
    id: "single-policy",
    sentence: "The flow beats a single policy that is trained by GRPO.",
    published: {
      figure: "+14.9 search, +14.0 agentic, +14.5 math, +4.1 science over the best specialised baseline",
      source: `${PAPER}, headline results`,
    },
    measured: "accuracy, against one model that calls, stops and answers, trained with the same settings and rollouts",
    arms: ["flow-grpo", "single-policy", "train flow-grpo", "train single-policy"],
    measure: accuracyGain({ id: "single-policy", better: "flow-grpo", worse: "single-policy", sets: both }),
    least: POINTS,
    note: "The single policy has the same tools, gate, reading of the question, steps and rollouts, samples more tokens, and was first shown 120 steps of plans that end with an answer.",
  },
  {
    id: "tool-errors",
    sentence: "Calls that fail become fewer during training.",
    published: {
      figure: "GAIA 51.6 → 23 %, 2Wiki 34 → 14.6 %, Bamboogle 16.4 → 8.6 %, AIME 10.6 → 2.2 %",
      source: `${PAPER}, tool-call errors`,
    },
    measured: "share of a question's turns that were refused or failed, untrained less trained",
    arms: ["untrained", "flow-grpo", "train flow-grpo"],
    measure: errorsFall,
    least: 0.02,
  },
  {
    id: "tool-shares",
    sentence: "Which tools are called moves by domain.",
    published: {
      figure: "2Wiki: Google 28.5 → 70.5 %; MedQA: Google 66 → 11 %, Wikipedia 0 → 60 %",
      source: `${PAPER}, tool choice`,
    },
    measured: "how much further one tool's share of turns moves in one domain than in another",
    arms: ["untrained", "flow-grpo"],
    measure: sharesMove,
    least: POINTS,
    note: "Tool and domains are chosen on one half of the questions and measured on the other.",
  },
  {
    id: "new-chains",
    sentence: "Chains of tools appear that nothing had shown.",
    published: { figure: "Wikipedia search → read that page, untaught", source: `${PAPER}, tool choice` },
    measured: "share of right answers by chains that are in no plan and no exercise of the cold start",
    arms: ["flow-grpo", "train flow-grpo", "cold start"],
    measure: chainsAppear,
    least: 0.02,
    note: "A chain is all tools of a solve with what each refers to. Random plans hold every short chain: what is new are whole ways to an answer.",
  },
];
