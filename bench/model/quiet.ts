import { cpus } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Above this share of the machine, what others do decides the figures: peers whose threads spin lose most, up to 100×. */
const QUIET = 0.1;

/** The share of the machine that is at work for somebody else, over two seconds in which this process only waits. */
const busyShare = async (): Promise<number> => {
  const sum = (): { readonly idle: number; readonly all: number } => {
    const times = cpus().map((cpu) => cpu.times);
    return {
      idle: times.reduce((total, { idle }) => total + idle, 0),
      all: times.reduce((total, { user, nice, sys, idle, irq }) => total + user + nice + sys + idle + irq, 0),
    };
  };
  const before = sum();
  await setTimeout(2000);
  const after = sum();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
};

/** Whether nobody else is at work, and what to say of it. */
export const isQuiet = async (): Promise<{ readonly quiet: boolean; readonly says: string }> => {
  const share = await busyShare();
  return { quiet: share <= QUIET, says: `${Math.round(100 * share)} % of the machine is busy with something else` };
};
