import type { EvalItem, EvalReport } from "../benchmarks/index.ts";
import type { Budget } from "../budget.ts";
import { BudgetError } from "../errors.ts";
import { createFlow, type FlowOptions } from "../flow/flow.ts";
import { defined } from "../options.ts";
import type { Task } from "../task.ts";
import { type EvaluationReport, evaluate, type Outcomes } from "../train/index.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Usage } from "../usage.ts";
import { type DoneBefore, resultOf } from "./done-before.ts";
import type { EvalOptions } from "./eval-options.ts";
import type { EvalSource } from "./eval-source.ts";

/** An evaluation that is done. */
export interface Ran {
  readonly report: EvaluationReport;
  readonly items: readonly EvalItem[];
  readonly used: EvalReport["used"];
  readonly limitsHit: number;
}

interface RunOptions extends Pick<EvalOptions, "seed" | "concurrency" | "total"> {
  readonly flow: FlowOptions;
  readonly source: EvalSource;
  readonly tasks: readonly Task[];
  readonly done: DoneBefore;
  readonly onProgress: (progress: { readonly done: number; readonly total: number; readonly solved: number }) => void;
  readonly abortSignal: AbortSignal;
}

/** Solves the tasks that are not done yet and scores all. Throws `BudgetError` where the limits of all together are reached. */
export const runEvaluation = async (options: RunOptions): Promise<Ran> => {
  const { source, tasks, done, seed, concurrency, total = {}, onProgress, abortSignal } = options;
  const flow = createFlow(options.flow);
  const usages = new Map<string, Usage>();
  const trajectories = new Map<string, Trajectory>();
  const spent = spending(total);
  const report = await evaluate({
    flow: {
      solve: async (query, solveOptions) => {
        const id = typeof query === "string" ? query : query.id;
        const before = done.of(id);
        // A task that was done before is not done again.
        if (before === undefined) spent.check();
        const result = before === undefined ? await flow.solve(query, solveOptions) : resultOf(before);
        usages.set(id, result.usage);
        if (before !== undefined) return result;
        spent.charge(result.usage);
        // A failure of infrastructure is tried again when the evaluation is resumed.
        if (result.status !== "failed" && result.stopReason !== "aborted")
          done.keep(id, { usage: result.usage, trajectory: result.trajectory });
        return result;
      },
    },
    tasks,
    reward: source.reward,
    seed,
    concurrency,
    families: source.familyOf,
    onProgress,
    onTrajectory: ({ task, trajectory }) => trajectories.set(task.id, trajectory),
    abortSignal,
  });
  const items = tasks.map((task) =>
    itemOf(task, source, report.outcomes, trajectories.get(task.id), usages.get(task.id)),
  );
  const limitsHit = items.filter(({ stopReason }) => stopReason === "budget").length;
  return { report, items, used: usedIn([...usages.values()]), limitsHit };
};

/** What all tasks together have used. No further one is begun once a limit is reached. */
const spending = (total: Budget): { check(): void; charge(usage: Usage): void } => {
  const began = performance.now();
  const usages: Usage[] = [];
  return {
    charge: (usage) => void usages.push(usage),
    check: () => {
      const { promptTokens, sampledTokens, dollars } = usedIn(usages);
      const sum = (name: "turns" | "calls" | "toolDollars"): number =>
        usages.reduce((so, usage) => so + usage[name], 0);
      const spent: Required<Budget> = {
        tokens: promptTokens + sampledTokens,
        dollars,
        seconds: (performance.now() - began) / 1000,
        turns: sum("turns"),
        calls: sum("calls"),
        toolDollars: sum("toolDollars"),
      };
      const [limit] = Object.entries(total).filter(([name, most]) => spent[name as keyof Budget] >= most);
      if (limit !== undefined)
        throw new BudgetError(
          `The evaluation has reached its limit of ${limit[0]} (--total ${limit[0]}=${limit[1]}) after ${usages.length} tasks. What is done is kept beside --out: allow more, and resume it with --resume.`,
        );
    },
  };
};

const usedIn = (usages: readonly Usage[]): EvalReport["used"] => {
  const total = (of: (usage: Usage) => number): number => usages.reduce((sum, usage) => sum + of(usage), 0);
  return {
    promptTokens: total(({ promptTokens }) => promptTokens),
    sampledTokens: total(({ sampledTokens }) => sampledTokens),
    dollars: total(({ dollars, toolDollars }) => dollars + toolDollars),
  };
};

const itemOf = (
  task: Task,
  source: EvalSource,
  outcomes: Outcomes,
  trajectory: Trajectory | undefined,
  usage: Usage | undefined,
): EvalItem => ({
  id: task.id,
  question: task.question,
  family: source.familyOf(task),
  expected: source.expected(task),
  answer: trajectory?.answer ?? null,
  reward: outcomes[task.id] ?? null,
  ...defined({ f1: source.f1(task, trajectory?.answer) }),
  stopReason: trajectory?.stopReason ?? "failed",
  tools: trajectory?.memory.map(({ step }) => step.tool) ?? [],
  tokens: (usage?.promptTokens ?? 0) + (usage?.sampledTokens ?? 0),
  seconds: usage?.seconds ?? 0,
});

/** The mean F1 of the items that have one. */
export const meanF1 = (items: readonly EvalItem[]): number | undefined => {
  const f1s = items.flatMap(({ f1 }) => (f1 === undefined ? [] : [f1]));
  return f1s.length === 0 ? undefined : f1s.reduce((sum, f1) => sum + f1, 0) / f1s.length;
};
