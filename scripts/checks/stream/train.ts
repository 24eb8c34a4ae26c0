/**
 * A run of learning for `check:stream`, in a process of its own, with a given number of tasks a step. After each stretch of
 * steps it says what the stretch took, and waits for a word to continue. The pages of the run are served beside it, as
 * `learn --ui` does, or, in the variant that has to fail, by the process that trains.
 */
import { once } from "node:events";
import { openLearnUi } from "../../../src/cli/learn-ui.ts";
import type { OptimStepOptions } from "../../../src/engine.ts";
import { learn } from "../../../src/learn/index.ts";
import type { Recipe } from "../../../src/learn/recipe.ts";
import { listenViewer } from "../../../src/server/index.ts";
import { leverEnvironment } from "../../../src/testing/index.ts";
import { leverEngine, quick } from "../../../test/learn-double.ts";

const [folder = "", steps = "", stretch = "", tasksPerStep = "", place = ""] = process.argv.slice(2);
const TOKEN = "a-token-for-checks-0123456789";

/** What the run says of the stretch that has ended. */
export interface Stretch {
  readonly type: "stretch";
  readonly step: number;
  readonly processorSeconds: number;
  readonly heapMegabytes: number;
}

export type FromRun =
  | Stretch
  | { readonly type: "start"; readonly url: string; readonly run: string }
  | { readonly type: "end" };

const say = (message: FromRun): void => void process.send?.(message);

// Ends with its parent, and not before.
process.once("disconnect", () => process.exit(1));

const page = async (): Promise<string> => {
  if (place === "within") return (await listenViewer({ folder, token: TOKEN, port: 0 })).url;
  return new Promise((onOpen, reject) => {
    process.env.AGENTFLOW_TOKEN = TOKEN;
    ui = openLearnUi({ folder, onOpen, onFailure: (why) => reject(new Error(why)), onStop: () => undefined });
  });
};
let ui: ReturnType<typeof openLearnUi> | undefined;
const { origin } = new URL(await page());

/** How often a run of hours validates and saves. */
const recipe: Recipe = {
  ...quick,
  grpo: { ...quick.grpo, tasksPerStep: Number(tasksPerStep) },
  validation: { tasks: 4, every: 10 },
  checkpointEvery: 100,
};
const engine = leverEngine();
const policy = engine.policy("planner");
let taken = 0;
let begun = process.cpuUsage();
const pausing = Object.create(policy, {
  optimStep: {
    value: async (options: OptimStepOptions) => {
      if (taken % Number(stretch) === 0) {
        const { user, system } = process.cpuUsage(begun);
        globalThis.gc?.();
        const heapMegabytes = process.memoryUsage().heapUsed / 2 ** 20;
        say({ type: "stretch", step: taken, processorSeconds: (user + system) / 1e6, heapMegabytes });
        await once(process, "message");
        begun = process.cpuUsage();
      }
      taken += 1;
      return policy.optimStep(options);
    },
  },
});
const run = learn({
  environment: leverEnvironment(),
  recipe,
  folder,
  planner: { ...engine, policy: () => pausing },
  seed: 7,
  steps: Number(steps),
  evalTasks: 4,
});
for await (const event of run) {
  ui?.show(event);
  if (event.type === "run-start") say({ type: "start", url: origin, run: event.run });
}
ui?.close();
say({ type: "end" });
await once(process, "message");
process.exit(0);
