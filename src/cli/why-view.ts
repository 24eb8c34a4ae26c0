import type { TrainedGroup, WeighedChoice, Why, WhySolve, WhyTurn } from "../review/index.ts";
import { stepOf } from "../trajectory.ts";
import { shellWord } from "./learn-words.ts";
import { labelled, type Screen } from "./screen.ts";
import { cellsOf, clip, pad, padStart } from "./text-width.ts";
import { sideBySide, type Transcribed, transcript } from "./transcript.ts";
import { counted, percent } from "./words.ts";

const GAP = 3;
/** Of the columns before, after and training, with spaces between. */
const FIGURES = 30;
const MOST_COLUMN = 100;
/** Groups of training that are shown; --json has all. */
const GROUPS_SHOWN = 3;

/**
 * Shows why a planner solves a task as it does, in lines that fit the screen. `command` is what was typed, the task aside:
 * the run, and the options that it is opened with.
 */
export const showWhy = (screen: Screen, found: Why, command: readonly string[]): void => {
  const { task, before, after, partedAt, counterfactual } = found;
  labelled(screen, "Question", task.question);
  labelled(screen, "Task", `${task.id}, ${task.family}, expected answer ${task.expected}`);
  labelled(screen, "Training", trainingLine(found));
  const column = Math.min(MOST_COLUMN, Math.floor((screen.width - GAP) / 2));
  screen.line();
  for (const line of sideBySide(titled("before", before, column), titled("after", after, column), column))
    screen.line(line);
  screen.line();
  showChoices(screen, found);
  for (const group of found.training.groups.slice(-GROUPS_SHOWN)) showGroup(screen, group);
  if (counterfactual === undefined) {
    const turn = partedAt ?? 1;
    // What a shell would not take back as it is shown is not offered.
    const other = after.turns[turn - 1]?.alternatives.find(({ text }) => text !== "" && !/\p{Cc}/u.test(text));
    if (other !== undefined) showNext(screen, command, task.id, turn, other.text);
    return;
  }
  const { from, choose, solve, choice } = counterfactual;
  screen.line(screen.bold(clip(`Turn ${from} with another choice: ${choose}`, screen.width)));
  if (choice !== null) screen.line(choiceRow(screen.width, "", choice));
  screen.line();
  for (const line of sideBySide(titled("as it is", after, column), titled("otherwise", solve, column), column))
    screen.line(line);
};

/** The command that shows another choice, to be copied: its lines are not cut. */
const showNext = (
  screen: Screen,
  [run = "", ...options]: readonly string[],
  task: string,
  turn: number,
  plan: string,
): void => {
  screen.line("Another choice:");
  screen.line(`  ${["npx agentflow why", ...[run, task].map(shellWord)].join(" ")} \\`);
  screen.line(`    ${[...options.map(shellWord), "--from", turn, "--choose", shellWord(plan)].join(" ")}`);
};

const trainingLine = ({ training: { groups, permutedRewards, stepCredit } }: Why): string => {
  if (groups.length === 0)
    return "never met this task; what was learnt on others is all that differs between the two planners";
  const rollouts = groups.flatMap((group) => group.rollouts);
  const solved = rollouts.filter(({ reward }) => reward === 1).length;
  const control = permutedRewards ? "; rewards were dealt out at random, as a control" : "";
  const credit =
    stepCredit === "none" ? "" : `; each turn had a credit of its own besides (${stepCredit}), which is not stored`;
  return `${counted(groups.length, "group")} of rollouts in step ${groups.map(({ step }) => step).join(", ")}: ${solved} of ${rollouts.length} solved it${control}${credit}`;
};

const titled = (title: string, solve: WhySolve, width: number) => ({
  title: clip(
    `${title} (${typeof solve.version === "number" ? `step ${solve.version}` : solve.version}, ${solve.weights.slice(0, 8)}): reward ${solve.reward ?? "none"}`,
    width,
  ),
  lines: transcript(transcribed(solve), width),
});

const transcribed = ({ turns, answer, stopReason }: WhySolve): Transcribed => ({
  memory: turns.map(({ turn, text, call, observation }) => ({
    index: turn,
    step: stepOf(text),
    call: call ?? undefined,
    observation,
  })),
  answer: answer ?? undefined,
  stopReason,
});

/** Every turn's choices: once where both planners were at the same point, else of each. */
const showChoices = (screen: Screen, { before, after, partedAt }: Why): void => {
  const shared = partedAt ?? Math.max(before.turns.length, after.turns.length);
  screen.line(
    screen.bold(heading(screen.width, "What each planner would say, turn by turn", "before", "after", "in training")),
  );
  for (const [i, turn] of after.turns.entries()) {
    const old = i + 1 <= shared ? before.turns[i] : undefined;
    const whose = old === undefined ? " of the new planner" : "";
    showTurn(screen, `Turn ${turn.turn}${whose}`, turn, old);
  }
  for (const turn of before.turns.slice(shared))
    showTurn(screen, `Turn ${turn.turn} of the old planner`, undefined, turn);
  screen.line();
};

const showTurn = (screen: Screen, title: string, young: WhyTurn | undefined, old: WhyTurn | undefined): void => {
  const turn = young ?? old;
  if (turn === undefined) return;
  const said = new Map<string, string>();
  if (old !== undefined) said.set(old.text, "b");
  if (young !== undefined) said.set(young.text, `${said.get(young.text) ?? " "}a`);
  const choices = [old?.taken, young?.taken, ...turn.alternatives].filter(
    (choice, i, all): choice is WeighedChoice =>
      choice !== null && choice !== undefined && all.findIndex((one) => one?.text === choice.text) === i,
  );
  screen.line(title);
  for (const choice of choices.sort((a, b) => b.after.logProb - a.after.logProb))
    screen.line(choiceRow(screen.width, said.get(choice.text) ?? "", choice));
};

const heading = (width: number, text: string, before: string, after: string, training: string): string =>
  `${pad(clip(text, width - FIGURES), width - FIGURES)}${padStart(before, 7)}${padStart(after, 8)}${padStart(training, 15)}`.trimEnd();

/** A choice with a mark for who made it: b before, a after. */
const choiceRow = (width: number, mark: string, { text, before, after, training }: WeighedChoice): string =>
  heading(
    width,
    `  ${pad(mark, 2)} ${text}`,
    chance(before.logProb),
    chance(after.logProb),
    training === null ? "" : `${signed(training.advantage)} (${training.rollouts} ×)`,
  );

const chance = (logProb: number): string => {
  const share = Math.exp(logProb);
  return share < 0.0005 ? "< 0.1 %" : percent(share, share < 0.0995 ? 1 : 0);
};

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** The rollouts of a step that were compared, each with what it did from where it parted from the best one. */
const showGroup = (screen: Screen, { step, undone, rollouts }: TrainedGroup): void => {
  const solved = rollouts.filter(({ reward }) => reward === 1).length;
  screen.line(
    screen.bold(
      `Step ${step}: ${solved} of ${counted(rollouts.length, "rollout")} solved it${undone ? "; the step was undone, and taught nothing" : ""}`,
    ),
  );
  for (const { reward, advantage, actions, partedAt, begun } of rollouts) {
    const figures = `  reward ${padStart(reward === null ? "none" : String(Number(reward.toFixed(2))), 4)}  advantage ${padStart(advantage === null ? "none" : signed(advantage), 5)}  `;
    const from = Math.max(begun, partedAt === null ? 0 : partedAt - 1);
    const did = actions.slice(from).join(" → ");
    const where = from === 0 ? "" : `from ${from + 1}: `;
    screen.line(`${figures}${clip(`${where}${did === "" ? "ended" : did}`, screen.width - cellsOf(figures))}`);
  }
  screen.line();
};
