import type { SetName } from "../environment.ts";

/** Tasks of the sets that planners are evaluated on. */
export type Sizes = Readonly<Record<SetName, number>>;

/** Four tasks of each trained family, eight of each that nobody trains on. */
export const usualSizes: Sizes = { heldOutPages: 216, heldOutFamily: 136, heldOutParaphrase: 0, deep: 0 };

/** What `reproduce` does by default: within three hours on two cores. */
export const usual = { seeds: [7, 8], steps: 100, minutes: 175 } as const;
