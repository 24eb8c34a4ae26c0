import type { Budget } from "../budget.ts";
import { ConfigError } from "../errors.ts";
import { createFlow, type SolveResult } from "../flow/flow.ts";
import { defined } from "../options.ts";
import { randomKey } from "../random.ts";
import { findRun } from "../setup/local-model.ts";
import { openSetUp, type SetUpOptions } from "../setup/set-up.ts";
import { createRun, runId } from "../store/run-folder.ts";
import { readRun, readTrajectories } from "../store/stored-run.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Usage } from "../usage.ts";
import { openApproval } from "./approval.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { labelled } from "./screen.ts";
import { eventsOf, solveView } from "./solve-view.ts";
import { openScreen, writeJson } from "./terminal.ts";

export interface SolveOptions extends SetUpOptions {
  readonly budget?: Budget;
  /** Ask at the terminal before each call of a tool that changes things. */
  readonly approve: boolean;
  /** Where the solve is kept; not at all when absent. */
  readonly out?: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/**
 * `agentflow solve`: one question, turn by turn. Returns the exit code: 0 when there is an answer, also a doubtful one; 1
 * without any.
 */
export const solve = async (question: string, options: SolveOptions): Promise<number> => {
  const { seed, json, quiet } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const approval = options.approve ? openApproval(() => screen.clear()) : undefined;
  try {
    const setUp = await openSetUp({ ...options, runs: "runs", solution: options.solution ?? "remote" }, process.env);
    try {
      if (setUp.chosen !== undefined) {
        const { why, turns } = setUp.chosen;
        const limit = turns === undefined ? "" : `; up to ${setUp.flow.budget?.turns} turns (--max-turns)`;
        labelled(screen, "planner", `${why}${limit}`, { paint: screen.dim });
      }
      const flow = createFlow(approval === undefined ? setUp.flow : { ...setUp.flow, toolApproval: approval.approve });
      const result = await flow.solve(question, {
        id: "solve",
        randomKey: randomKey(seed, "solve"),
        onEvent: solveView(screen),
        abortSignal: interrupts.abortSignal,
      });
      const players = setUp.players.map(({ role, id, where }) => ({ role, id, where }));
      const kept = options.out === undefined ? undefined : await keep(options.out, seed, players, result);
      interrupts.abortSignal.throwIfAborted();
      if (json) writeJson(jsonOf(result.trajectory.query.question, seed, result, kept));
      else if (quiet && "answer" in result) openScreen().text(String(result.answer));
      if (result.status === "failed") throw result.error;
      if (kept !== undefined) screen.line(screen.dim(`run       ${kept}  (agentflow solve --replay ${kept})`));
      return result.answer === undefined ? 1 : 0;
    } finally {
      await setUp.dispose();
    }
  } finally {
    approval?.close();
    interrupts.close();
    screen.clear();
  }
};

/** `agentflow solve --replay`: shows a stored solve again. Nothing is called. */
export const replaySolve = async (
  name: string,
  { json, quiet }: Pick<SolveOptions, "json" | "quiet">,
): Promise<number> => {
  const { root, id } = await findRun(name);
  const run = await readRun(root, id);
  const [row] = (await readTrajectories(run)).filter((one) => (one as { phase?: unknown }).phase === "solve") as [
    { readonly trajectory: Trajectory; readonly usage: Usage } | undefined,
  ];
  if (row === undefined)
    throw new ConfigError(`The run ${id} is not a solve: its trajectories are shown by the report of its own command.`);
  const { trajectory, usage } = row;
  const screen = openScreen({ json, quiet });
  if (!json) screen.line(screen.dim(`replay   ${trajectory.query.question}`));
  const show = solveView(screen);
  for (const event of eventsOf(trajectory, usage)) show(event);
  if (json) {
    const { status, stopReason } = trajectory;
    const seed = (run.config as { readonly seed?: number } | undefined)?.seed ?? 0;
    writeJson(jsonOf(trajectory.query.question, seed, { status, stopReason, usage, trajectory }, id));
  }
  return trajectory.answer === undefined ? 1 : 0;
};

/** Keeps a solve as a run, so that it can be shown again. Returns its id. */
const keep = async (
  root: string,
  seed: number,
  players: readonly object[],
  { trajectory, usage }: SolveResult,
): Promise<string> => {
  const { question } = trajectory.query;
  const run = await createRun(root, runId(new Date(), Math.random), { command: "solve", question, seed, players });
  run.appendTrajectory({ phase: "solve", trajectory, usage });
  await run.close();
  return run.id;
};

const jsonOf = (
  question: string,
  seed: number,
  { status, stopReason, usage, trajectory }: Pick<SolveResult, "status" | "stopReason" | "usage" | "trajectory">,
  run: string | undefined,
): object => {
  const { seconds, ...used } = usage;
  return {
    schemaVersion: 1,
    question,
    seed,
    status,
    stopReason,
    answer: trajectory.answer ?? null,
    ...defined({ solution: trajectory.solution }),
    usage: used,
    seconds,
    ...defined({ run, error: trajectory.failure }),
    turns: trajectory.memory.map(({ index, step, call, observation, verdict }) => ({
      turn: index,
      tool: step.tool,
      subGoal: step.subGoal,
      input: call?.input ?? null,
      observation,
      verdict,
    })),
  };
};
