/**
 * R5 and R6: flows over an endpoint that fails in three of ten requests end well, no failure of the endpoint becomes a
 * reward, and an endpoint that is down is neither stormed nor lost sight of.
 *
 *   npm run check:faults [-- --n 1000 --seed 7]
 */
import { createFlow, type Flow, random, randomKey, type Task, tool } from "../src/index.ts";
import { openaiCompatible, resilient } from "../src/models/index.ts";
import { type Fault, type OpenAIRequest, openaiServer, randomFaults } from "../src/testing/index.ts";
import { rollOut } from "../src/train/index.ts";
import { type Check, type Counted, runAsScript } from "./checks/check.ts";

/** Plays all four modules by what their prompts ask for. */
export const fourModules = ({ body }: OpenAIRequest): string => {
  const system = String(body.messages?.[0]?.content ?? "");
  if (/input of a tool/i.test(system)) return '{"query":"Accra"}';
  if (/answer a question from results/i.test(system))
    return system.includes("<answer>") ? "The first result says so.\n<answer>Accra</answer>" : "Accra";
  if (/decision/i.test(system)) return "Execution: it is there.\nMemory: enough.\nDecision: stop";
  return "look Accra";
};

const tools = {
  look: tool<{ query: string }>({
    description: "Looks something up.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: ({ query }) => ({ text: query, fields: { value: { kind: "text", value: query } } }),
  }),
};
/** Planner, executor, verifier, generator: one turn. */
const CALLS = 4;
const task: Task<{ answer: string }> = { id: "capital", question: "Capital of Ghana?", sealed: { answer: "Accra" } };
const reward = ({ sealed }: typeof task, answer: string | undefined): number => (answer === sealed.answer ? 1 : 0);

const flowOver = (baseURL: string, broken: boolean, attemptSeconds: number): Pick<Flow, "solve"> => {
  const endpoint = openaiCompatible({ baseURL, model: "double", timeoutSeconds: attemptSeconds });
  const model = broken
    ? endpoint
    : resilient(endpoint, { attemptSeconds, backOffSeconds: 0.02, openAfter: 20, concurrency: 64 });
  return createFlow({ model, tools, budget: { seconds: 120 } });
};

/** R5: at 30 % faults of every kind. */
const faults: Check["run"] = async ({ n, seed, broken }): Promise<Counted> => {
  let unhandled = 0;
  const onUnhandled = (): void => {
    unhandled += 1;
  };
  process.on("unhandledRejection", onUnhandled);
  const server = await openaiServer({
    reply: fourModules,
    fault: randomFaults(random(randomKey(seed, "faults")), 0.3),
  });
  try {
    const flow = flowOver(server.baseURL, broken, 0.5);
    const outcomes: (number | undefined)[] = [];
    let begun = 0;
    const work = async (): Promise<void> => {
      while (begun < n) {
        begun += 1;
        outcomes.push((await rollOut(flow, task, reward, { id: `solve-${begun}` })).reward);
      }
    };
    await Promise.all(Array.from({ length: 32 }, work));
    const finished = outcomes.filter((one) => one !== undefined).length;
    // A right answer is the only one that these modules give: a 0 would be a fault that became a reward.
    const poisoned = outcomes.filter((one) => one === 0).length;
    const ratio = server.requests.length / (CALLS * n);
    const failed = (finished < 0.995 * n ? n - finished : 0) + poisoned + unhandled + (ratio > 1.6 ? 1 : 0);
    return {
      n,
      failed,
      lines: [
        `30 % faults: ${finished} of ${n} solves finished; ${poisoned} faults became a reward; ${ratio.toFixed(2)} × the calls; ${unhandled} unhandled rejections`,
      ],
    };
  } finally {
    process.off("unhandledRejection", onUnhandled);
    await server.close();
  }
};

/** R6: the endpoint is down for a while, by refusing or by hanging while it calls itself healthy. */
const outage = async (fault: Fault, seconds: number, broken: boolean): Promise<Counted> => {
  const down = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  const arrivals: number[] = [];
  const server = await openaiServer({
    reply: fourModules,
    fault: () => {
      const now = performance.now();
      arrivals.push(now);
      return now >= down.from && now < down.to ? fault : undefined;
    },
  });
  try {
    const endpoint = openaiCompatible({ baseURL: server.baseURL, model: "double", timeoutSeconds: 1 });
    const model = broken
      ? endpoint
      : resilient(endpoint, {
          attemptSeconds: 1,
          backOffSeconds: 0.05,
          openAfter: 3,
          deadlineSeconds: seconds + 60,
          attempts: 10_000,
        });
    const flow = createFlow({ model, tools });
    down.from = performance.now();
    down.to = down.from + seconds * 1000;
    const solves = Array.from({ length: 20 }, (_, i) => rollOut(flow, task, reward, { id: `outage-${i}` }));
    const rewards = (await Promise.all(solves)).map((one) => one.reward);
    const lost = rewards.filter((one) => one !== 1).length;
    // The first wave opens the circuit; from then on one probe a second.
    const settled = down.from + 2500;
    const probes = arrivals.filter((at) => at > settled && at < down.to).length;
    const allowed = Math.ceil((down.to - settled) / 1000) + 1;
    const back = (arrivals.find((at) => at >= down.to) ?? Number.POSITIVE_INFINITY) - down.to;
    const failed = lost + (probes > allowed ? 1 : 0) + (back > 5000 ? 1 : 0);
    return {
      n: solves.length,
      failed,
      lines: [
        `${fault.kind} for ${seconds} s: ${lost} of ${solves.length} solves lost, ${probes} probes in ${((down.to - settled) / 1000).toFixed(1)} s, back after ${(back / 1000).toFixed(1)} s`,
      ],
    };
  } finally {
    await server.close();
  }
};

export const check: Check = {
  name: "faults",
  n: 1000,
  brokenN: 60,
  run: async (options) => {
    const parts = [await faults(options)];
    const seconds = options.n >= 1000 ? 60 : 4;
    const kinds: readonly Fault[] = [{ kind: "status", status: 503 }, { kind: "hang" }];
    for (const kind of options.broken ? [] : kinds) parts.push(await outage(kind, seconds, false));
    return {
      n: parts.reduce((sum, { n }) => sum + n, 0),
      failed: parts.reduce((sum, { failed }) => sum + failed, 0),
      lines: parts.flatMap(({ lines }) => lines),
    };
  },
};

await runAsScript(check, import.meta.url);
