import type { Assault } from "./escape.ts";
import { inBarePython } from "./second/bare.ts";
import { amounts } from "./second/bubblewrap-amount.ts";
import { reach } from "./second/bubblewrap-reach.ts";
import { secondLimits } from "./second/limits.ts";

/** Attacks on the bubblewrap tier, written without looking at its guard. */
export const secondOnBubblewrap: Omit<Assault, "left"> = {
  attacks: (outside) => [...reach(outside), ...amounts],
  limits: secondLimits,
  unguarded: inBarePython,
};
