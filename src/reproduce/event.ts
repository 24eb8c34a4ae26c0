import type { Arm } from "./arm.ts";

/** What happens while claims are reproduced. Seconds are forecasts. */
export type ReproduceEvent =
  | { readonly type: "plan"; readonly arms: number; readonly known: number; readonly seconds: number }
  | {
      readonly type: "arm-start";
      readonly arm: Arm;
      readonly seed: number;
      /** From 1. */
      readonly place: number;
      readonly arms: number;
      readonly secondsLeft: number;
    }
  | {
      readonly type: "arm-progress";
      readonly arm: Arm;
      readonly seed: number;
      readonly words: string;
      readonly secondsLeft: number;
    }
  | { readonly type: "arm-end"; readonly arm: Arm; readonly seed: number; readonly seconds: number }
  | { readonly type: "arm-failed"; readonly arm: Arm; readonly seed: number; readonly why: string }
  | { readonly type: "out-of-time"; readonly arms: number };
