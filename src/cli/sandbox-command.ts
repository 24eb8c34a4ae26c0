import type { Sandbox } from "../sandbox/index.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { bytes, percent } from "./words.ts";

export interface PullSandboxOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow sandbox pull <file or address>`: puts Python for WASI where the sandbox looks for it. Returns the exit code. */
export const pullSandbox = async (source: string, { json, quiet }: PullSandboxOptions): Promise<number> => {
  const { pullWasiPython } = await import("../sandbox/wasi-pull.ts");
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const pulled = await pullWasiPython(source, {
      abortSignal: interrupts.abortSignal,
      onProgress: (there, total) =>
        screen.live(`reading ${percent(there / total)} · ${bytes(there)} of ${bytes(total)}`),
    });
    const state = pulled.unchanged ? "was here already" : "every hash checked";
    screen.line(screen.good("ready"), `  Python for WASI, ${bytes(pulled.bytes)}, ${state}`);
    screen.line(screen.dim(`       ${pulled.folder}`));
    if (json) writeJson({ schemaVersion: 1, tier: "wasi", ...pulled });
    return 0;
  } finally {
    screen.clear();
    interrupts.close();
  }
};

type Tier = Exclude<Sandbox["tier"], "host">;
/** The strictest first. */
const tiers: readonly Tier[] = ["wasi-in-bubblewrap", "pyodide-in-bubblewrap", "wasi", "pyodide", "bubblewrap"];

/** `agentflow sandbox list`: runs a program in each tier and says which work here, and why the others do not. */
export const listSandboxes = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const { notCovered, tierFault } = await import("../sandbox/index.ts");
  const screen = openScreen({ json });
  const found: { readonly tier: Tier; readonly works: boolean; readonly detail: string }[] = [];
  for (const tier of tiers) {
    screen.live(`trying ${tier} …`);
    const fault = await tierFault(tier);
    const detail = fault ?? `does not cover ${notCovered[tier]}`;
    found.push({ tier, works: fault === undefined, detail });
    const state = fault === undefined ? screen.good("works   ") : screen.dim("not here");
    screen.line(state, `  ${tier.padEnd(22)}  ${detail}`);
  }
  screen.clear();
  if (json) writeJson({ schemaVersion: 1, tiers: found });
  return 0;
};
