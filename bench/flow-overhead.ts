/**
 * What the flow itself costs: three turns, two tools, an instant planner, with schema check, events and budget on.
 * Run with: node --expose-gc --import tsx bench/flow-overhead.ts
 */
import { createFlow, tool } from "../src/index.ts";
import { scriptedPlanner } from "../src/testing/index.ts";

const inputSchema = {
  type: "object",
  properties: { query: { type: "string" } },
  required: ["query"],
  additionalProperties: false,
};
const number = { kind: "number", value: 12, unit: "person" } as const;
const tools = {
  look: tool<{ query: string }>({
    description: "Looks up.",
    inputSchema,
    execute: ({ query }) => ({ text: query, fields: { population: number } }),
  }),
  count: tool<{ query: string }>({
    description: "Counts.",
    inputSchema,
    execute: async ({ query }) => ({ text: query, fields: { value: number } }),
  }),
};
const question = "How many people live in Lagos?";
const flow = createFlow({ planner: scriptedPlanner(["look q1", "look @1.population", "count q1"]), tools });

let events = 0;
const onEvent = (): void => {
  events += 1;
};

/** CPU microseconds a solve. */
const cost = async (concurrency: number, rounds: number): Promise<number> => {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    await Promise.all(Array.from({ length: concurrency }, () => flow.solve(question, { onEvent })));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (concurrency * rounds);
};

const parkedKilobytes = async (count: number): Promise<number> => {
  const hanging = flow.with({ planner: () => new Promise(() => undefined) });
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const parked = Array.from({ length: count }, () => hanging.solve(question));
  await new Promise((resolve) => setTimeout(resolve, 50));
  globalThis.gc?.();
  const kilobytes = (process.memoryUsage().heapUsed - before) / count / 1024;
  return parked.length === count ? kilobytes : Number.NaN;
};

await cost(100, 50);
const perTurn = (await cost(100, 100)) / 3;
const alone = await cost(1, 5000);
const parked = await parkedKilobytes(10_000);
console.log(
  JSON.stringify({
    microsecondsPerTurnAt100: perTurn,
    microsecondsPerSolveAlone: alone,
    parkedKilobytes: parked,
    events,
  }),
);
process.exit(0);
