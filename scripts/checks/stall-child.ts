/** Runs entrances by name, and tells for how long each kept everything else waiting. */
import { AgentFlowError } from "../../src/index.ts";
import { DEADLINE, type Entrance, type Measured } from "./stall.ts";

const suite = process.argv[2];
const entrances: readonly Entrance[] =
  suite === "before"
    ? (await import("./stall-before.ts")).entrancesBefore
    : (await import("./stall-entrances.ts")).entrances;

const milliseconds = (): { readonly wall: number; readonly processor: number } => {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), processor: (user + system) / 1000 };
};

const PULSE = 2;

const PLAIN = "No text keeps all others waiting. ".repeat(10_000);

/** Processor time of the same plain work, in milliseconds: how slow the machine is just now. */
const pace = (): number => {
  const { processor } = milliseconds();
  for (let i = 0; i < 5; i++) PLAIN.normalize("NFKC").replace(/[^\p{L}\s]/gu, (sign) => (sign === "." ? "" : sign));
  return milliseconds().processor - processor;
};

const measure = async ({ name, run, seconds = DEADLINE }: Entrance): Promise<Measured> => {
  let held = 0;
  let last = milliseconds();
  const beat = (): void => {
    const now = milliseconds();
    held = Math.max(held, Math.min(now.wall - last.wall, now.processor - last.processor) - PULSE);
    last = now;
  };
  const pulse = setInterval(beat, PULSE);
  // The pulse is under way before the work begins.
  await new Promise((resume) => setTimeout(resume, 4 * PULSE));
  const start = performance.now();
  let untyped: string | undefined;
  try {
    await run(AbortSignal.timeout(1000 * seconds));
  } catch (error) {
    const isTyped = error instanceof AgentFlowError || (error instanceof Error && error.name === "TimeoutError");
    if (!isTyped) untyped = String(error).slice(0, 200);
  }
  const late = performance.now() - start - 1000 * seconds;
  beat();
  clearInterval(pulse);
  return { name, held, late, pace: pace(), ...(untyped !== undefined && { untyped }) };
};

const byName = new Map(entrances.map((entrance) => [entrance.name, entrance]));
process.on("message", (name: string) => {
  const entrance = byName.get(name);
  if (entrance === undefined) throw new Error(`There is no entrance ${name}.`);
  // The first time is to warm up: modules are loaded and compiled in it.
  void measure(entrance)
    .then(() => measure(entrance))
    .then((measured) => process.send?.(measured));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
