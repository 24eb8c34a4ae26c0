import { mean, type StepMetrics, type StepTimings } from "../train/index.ts";
import type { Screen } from "./screen.ts";
import { counted, duration, percent } from "./words.ts";

/** What is known while training, for one line. */
export interface Progress {
  step(metrics: Omit<StepMetrics, "timings">, timings: StepTimings): void;
  /** Validation accuracy, measured after the last step that was shown. */
  validated(accuracy: number): void;
  /** Leaves one line about the whole of it. */
  end(): void;
}

const BARS = "▁▂▃▄▅▆▇█";
const SPARKS = 24;
/** Steps that the forecast of the time left looks back on. */
const RECENT = 10;

/** Numbers in [0, 1] as bars; more of them than fit are averaged in equal parts. */
export const sparkline = (values: readonly number[], width = SPARKS): string => {
  const places = Math.min(width, values.length);
  return Array.from({ length: places }, (_, i) => {
    const part = values.slice(Math.floor((i * values.length) / places), Math.floor(((i + 1) * values.length) / places));
    return BARS[Math.max(0, Math.min(BARS.length - 1, Math.floor(mean(part) * BARS.length)))];
  }).join("");
};

/**
 * Shows training: one redrawn line in a terminal, one line a step elsewhere. `after` is what follows, in seconds; after
 * `minutes` of training it stops.
 */
export const trainingProgress = (
  screen: Screen,
  steps: number,
  after: number,
  minutes = Number.POSITIVE_INFINITY,
): Progress => {
  const rewards: number[] = [];
  const times: number[] = [];
  let spent = 0;
  let validation: number | undefined;
  return {
    step: ({ index, reward, groups, toolErrorRate }, { rollOut, train, publish }) => {
      rewards.push(reward.mean);
      times.push(rollOut + train + publish);
      spent += rollOut + train + publish;
      const training = Math.min((steps - index - 1) * mean(times.slice(-RECENT)), Math.max(0, 60 * minutes - spent));
      const left = duration(training + after);
      const valid = validation === undefined ? "–" : percent(validation);
      const place = `step ${String(index + 1).padStart(String(steps).length)}/${steps}`;
      const figures = `reward ${percent(reward.mean)} · valid ${valid} · errors ${percent(toolErrorRate)}`;
      // What matters most comes first; the picture takes what is left of the line.
      const live = `${place} · ${left} left · ${figures} `;
      screen.live(`${live}${sparkline(rewards, Math.max(0, Math.min(SPARKS, screen.width - 1 - live.length)))}`);
      if (screen.interactive) return;
      screen.line(`${place} · ${figures} · ${groups.mixed} mixed · ${left} left`);
    },
    validated: (accuracy) => {
      validation = accuracy;
    },
    end: () => {
      if (rewards.length > 0)
        screen.line(
          `trained   ${sparkline(rewards)}  reward of ${counted(rewards.length, "step")}: ` +
            `first ${percent(mean(rewards.slice(0, RECENT))).trim()}, last ${percent(mean(rewards.slice(-RECENT))).trim()}`,
        );
    },
  };
};
