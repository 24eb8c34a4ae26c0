import { messageOf } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import { installCommand } from "../optional-package.ts";
import { type Redactor, redactor } from "../secrets/redact.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { settledWithin } from "../settled-within.ts";
import { openSetUp, type SetUpOptions } from "../setup/set-up.ts";
import { toolsetOf } from "../tool.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { wrap } from "./text-width.ts";
import { visible } from "./visible.ts";

export interface DoctorOptions extends SetUpOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** One thing that was looked at. `absent` is fine: it is not configured. */
interface Finding {
  readonly part: "runtime" | "role" | "tool" | "sandbox" | "key";
  readonly name: string;
  readonly state: "ok" | "broken" | "absent";
  readonly detail: string;
  readonly milliseconds?: number;
}

/** Variables that tools and models read keys and addresses from. */
const VARIABLES = [
  "OPENAI_API_KEY",
  "OPENAI_BASE_URL",
  "AGENTFLOW_MODEL",
  "AGENTFLOW_BASE_URL",
  "AGENTFLOW_API_KEY",
  "GEMINI_API_KEY",
  "SERPER_API_KEY",
  "BRAVE_API_KEY",
  "TAVILY_API_KEY",
  "SEARXNG_URL",
  "AITOEARN_API_KEY",
  "HF_TOKEN",
];
const SECONDS = 60;

/** Cells before what is said of a part. */
const LABELS = 36;

/** What makes a slow runtime quick. */
const slowness = (runtime: string): string => {
  if (!runtime.includes("WebAssembly")) return "";
  const mend = process.env.AGENTFLOW_RUNTIME === "wasm" ? "unset AGENTFLOW_RUNTIME" : `run ${installCommand("koffi")}`;
  return `: many times slower than the native runtime; ${mend}`;
};

/**
 * `agentflow doctor`: asks every role's model, calls every tool's check, starts the sandbox and the engine, and says what
 * runs where. Returns the exit code: 1 when something that is configured does not work.
 */
export const doctor = async (options: DoctorOptions): Promise<number> => {
  const { json, quiet } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const findings: Finding[] = [];
  // Until a configuration is read, what the environment holds is all that there is.
  let redact: Redactor = redactor(secretsOf(process.env));
  const tell = ({ detail: said, ...found }: Finding): void => {
    const finding: Finding = { ...found, name: redact(found.name), detail: redact(said) };
    findings.push(finding);
    const { part, name, state, detail, milliseconds } = finding;
    const paint = state === "ok" ? screen.good : state === "broken" ? screen.bad : screen.dim;
    const time = milliseconds === undefined ? "" : `, ${Math.round(milliseconds)} ms`;
    const [first = "", ...more] = wrap(visible(`${detail}${time}`), screen.width - LABELS);
    screen.line(paint(state.padEnd(7)), ` ${part.padEnd(8)} ${name.padEnd(18)} ${first}`);
    for (const line of more) screen.line(`${" ".repeat(LABELS)}${line}`);
  };
  try {
    tell({
      part: "runtime",
      name: "node",
      state: "ok",
      detail: `${process.version}, ${process.platform}-${process.arch}`,
    });
    // Whoever looks for what is broken does not wait for it to mend itself.
    const setUp = await openSetUp({ ...options, attempts: 1 }, process.env);
    redact = setUp.redact;
    try {
      if (setUp.engine !== undefined) {
        const { runtime, version, threads } = setUp.engine.description;
        const detail = `${runtime} ${version}, ${threads} threads, ${setUp.engine.model}${slowness(String(runtime))}`;
        tell({ part: "runtime", name: "engine", state: "ok", detail });
      }
      const asked = new Map<ChatModel, ReturnType<typeof ask>>();
      for (const { role, id, where, model } of setUp.players) {
        screen.live(`asking ${id} …`);
        if (model === undefined) tell({ part: "role", name: role, state: "ok", detail: `${id}, ${where}` });
        else {
          const asking = asked.get(model) ?? ask(model, { ...toolContext(interrupts.abortSignal), redact });
          asked.set(model, asking);
          const { state, detail, milliseconds } = await asking;
          tell({ part: "role", name: role, state, detail: `${id}, ${where}: ${detail}`, milliseconds });
        }
      }
      for (const [name, { check }] of Object.entries(toolsetOf(setUp.flow.tools))) {
        screen.live(`checking ${name} …`);
        if (check === undefined)
          tell({ part: "tool", name, state: "ok", detail: "in this process; it has no check of its own" });
        else
          tell({
            part: "tool",
            name,
            ...(await timed(() =>
              settledWithin(SECONDS, `The check of ${name}`, () =>
                check({ ...toolContext(interrupts.abortSignal), redact }),
              ),
            )),
          });
      }
    } finally {
      await setUp.dispose();
    }
    screen.live("starting the sandbox …");
    tell({ part: "sandbox", name: "python", ...(await sandboxState()) });
    for (const name of VARIABLES) {
      const value = process.env[name] ?? "";
      const secret = secretsOf({ [name]: value }).length > 0;
      tell({
        part: "key",
        name,
        state: value === "" ? "absent" : "ok",
        detail: value === "" ? "not set" : secret ? "set" : value,
      });
    }
    interrupts.abortSignal.throwIfAborted();
    const broken = findings.filter(({ state }) => state === "broken").length;
    screen.line();
    screen.line(broken === 0 ? "Everything that is configured works." : `${broken} of ${findings.length} do not work.`);
    if (json) writeJson({ schemaVersion: 1, ok: broken === 0, findings });
    return broken === 0 ? 0 : 1;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

const toolContext = (abortSignal: AbortSignal): { readonly abortSignal: AbortSignal } => ({
  abortSignal: AbortSignal.any([abortSignal, AbortSignal.timeout(SECONDS * 1000)]),
});

const ask = (
  model: ChatModel,
  { abortSignal, redact }: { readonly abortSignal: AbortSignal; readonly redact: Redactor },
) =>
  timed(async () => {
    const { text } = await model.complete({
      messages: [{ role: "user", content: "Reply with the one word: ready" }],
      maxTokens: 16,
      abortSignal,
      redact,
    });
    return `says ${JSON.stringify(redact(text).slice(0, 40))}`;
  });

const timed = async (
  work: () => Promise<string>,
): Promise<{ readonly state: "ok" | "broken"; readonly detail: string; readonly milliseconds: number }> => {
  const begun = performance.now();
  try {
    const detail = await work();
    return { state: "ok", detail, milliseconds: performance.now() - begun };
  } catch (error) {
    return { state: "broken", detail: messageOf(error).replaceAll("\n", " "), milliseconds: performance.now() - begun };
  }
};

/** Absent where its package is not installed: nobody needs it who runs no model-written code. */
const sandboxState = async (): Promise<Pick<Finding, "state" | "detail" | "milliseconds">> => {
  const { notCovered, openSandbox, tierFault } = await import("../sandbox/index.ts");
  const tried = await timed(async () => {
    const sandbox = await openSandbox();
    try {
      const { value } = await sandbox.runPython("6 * 7", { timeoutSeconds: 30 });
      if (value !== "42") throw new Error(`6 * 7 gave ${String(value)}`);
      const fault = await tierFault("pyodide-in-bubblewrap");
      const stricter = fault === undefined ? "" : `; stricter is pyodide-in-bubblewrap, but: ${fault}`;
      return `${sandbox.tier}, 6 * 7 = 42; does not cover ${notCovered[sandbox.tier]}${stricter}`;
    } finally {
      await sandbox.close();
    }
  });
  return tried.state === "broken" && /npm install/.test(tried.detail)
    ? { state: "absent", detail: tried.detail }
    : tried;
};
