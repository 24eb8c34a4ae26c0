import type { Environment } from "../environment.ts";
import type { LearnFinish, LearnHappening } from "../learn/event.ts";
import { findingLines } from "./findings.ts";
import {
  baselineLines,
  callsAhead,
  forecast,
  introduction,
  type RunStart,
  showDiagnosis,
  summary,
} from "./learn-words.ts";
import { type Progress, trainingProgress } from "./progress.ts";
import { labelled, type Screen } from "./screen.ts";
import { duration } from "./words.ts";

/** Shows the events of a run of learning on a screen. */
export interface LearnView {
  show(event: LearnHappening | LearnFinish<unknown>): void;
  /** The run's own words about itself, once it has begun. */
  readonly start: RunStart | undefined;
}

/** Shows what is being done before a run begins: redrawn in a terminal, elsewhere a line for each part of it. */
export const stageView = (screen: Screen): ((stage: string) => void) => {
  let shown: string | undefined;
  return (stage) => {
    screen.live(stage);
    const part = stage.replace(/:? \d+\/\d+$/u, "");
    if (!screen.interactive && part !== shown) screen.line(`${part} …`);
    shown = part;
  };
};

/** Fewer tasks than this keep a machine busy for too short a time to forecast from. */
const MEASURABLE = 100;

/** Outside a terminal a line is written once per this many steps of imitation. */
const IMITATION_LINES = 20;

/** `environment` names the sets of a run that does not say so itself; calls of a project's own tools are counted ahead. */
export const learnView = (
  screen: Screen,
  {
    environment,
    ownTools = false,
  }: { readonly environment?: Pick<Environment, "titles">; readonly ownTools?: boolean } = {},
): LearnView => {
  let start: RunStart | undefined;
  let progress: Progress | undefined;
  let evaluationSeconds = 0;
  let imitationBegan: number | undefined;
  const stages = stageView(screen);
  const titles = (): RunStart["titles"] =>
    start?.titles ?? environment?.titles ?? { heldOutPages: "", heldOutFamily: "", heldOutParaphrase: "", deep: "" };
  const showEvaluation = (event: Extract<LearnHappening, { readonly type: "evaluation-end" }>): void => {
    labelled(screen, event.phase, summary(event.figures, titles()), { paint: screen.bold });
    if (event.seconds === undefined || event.phase === "after" || event.phase === "failing") return;
    evaluationSeconds = event.seconds;
    if (event.phase === "before" && start !== undefined && ownTools)
      screen.line(`calls     about ${callsAhead(start, event.figures.averageTurns)} of your tools are still to come`);
    if (event.phase === "before" && start !== undefined && start.tasks >= MEASURABLE)
      screen.line(`time      about ${duration(forecast(start, event.seconds))} left, by what this evaluation took`);
  };
  const show = (event: LearnHappening | LearnFinish<unknown>): void => {
    switch (event.type) {
      case "check-end":
        for (const line of findingLines(
          event.findings.filter(({ level }) => level === "warning"),
          screen.width,
        ))
          screen.line(line);
        break;
      case "run-start":
        start = event;
        if (event.resumedAfter !== undefined)
          labelled(
            screen,
            "Resumed",
            `${event.folder}, after ${event.resumedAfter === 0 ? "no step" : `step ${event.resumedAfter}`}`,
          );
        for (const [label, text] of introduction(event)) labelled(screen, label, text);
        screen.line();
        break;
      case "stage":
        stages(event.stage);
        break;
      case "imitation-step": {
        imitationBegan ??= performance.now();
        const share = event.step / event.steps;
        const left = ((performance.now() - imitationBegan) / 1000) * (1 / Math.max(share, 1e-3) - 1);
        const time = event.step < 3 ? "" : `, ${duration(left)} left`;
        const text = `imitating: step ${event.step}/${event.steps}${time}, loss ${event.loss.toFixed(2)}`;
        if (screen.interactive) screen.live(text);
        else if (event.step % Math.max(1, Math.floor(event.steps / IMITATION_LINES)) === 0) screen.line(text);
        break;
      }
      case "evaluation-progress":
        screen.live(`${event.phase}: ${event.done}/${event.total} tasks`);
        break;
      case "evaluation-end":
        showEvaluation(event);
        break;
      case "baselines-end":
        for (const [label, text] of baselineLines(event.baselines, titles())) labelled(screen, label, text);
        screen.line();
        break;
      case "training-start":
        progress = trainingProgress(screen, event.steps, evaluationSeconds, start?.minutes);
        break;
      case "step-end":
        progress?.step(event.metrics, event.timings);
        break;
      case "validation-end":
        progress?.validated(event.accuracy);
        break;
      case "training-end":
        progress?.end();
        if (event.keptStep !== undefined)
          screen.line(`Validation was clearly better after step ${event.keptStep}: those weights are kept.`);
        break;
      case "diagnosis":
        showDiagnosis(screen, event);
        break;
      case "evaluation-start":
      case "checkpoint-end":
      case "round-end":
      case "finish":
        break;
    }
  };
  return {
    show,
    get start() {
      return start;
    },
  };
};
