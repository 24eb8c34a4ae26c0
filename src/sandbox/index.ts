import { ConfigError, messageOf, SandboxError } from "../errors.ts";
import { bubblewrapFault, bubblewrapSandbox, isBubblewrapUsable } from "./bubblewrap-sandbox.ts";
import { hostSandbox } from "./host-sandbox.ts";
import { type PyodideOptions, pyodideSandbox } from "./pyodide-sandbox.ts";
import type { Sandbox } from "./sandbox.ts";

export { notCovered, type RunOptions, type RunResult, type Sandbox } from "./sandbox.ts";

const tiers = ["auto", "pyodide-in-bubblewrap", "pyodide", "bubblewrap"] as const;

export interface SandboxOptions extends Omit<PyodideOptions, "inBubblewrap"> {
  /**
   * Where programs run. "auto" is the strictest that works here: "pyodide-in-bubblewrap" on Linux with bubblewrap, else
   * "pyodide". "bubblewrap" runs this machine's python3 instead, with whatever it can import. @default "auto"
   */
  readonly tier?: (typeof tiers)[number];
  /** Runs programs with this machine's python3, as you and with all your rights. @default false */
  readonly dangerouslyRunOnHost?: boolean;
}

/**
 * A sandbox for programs that a model wrote. Throws `SandboxError` where the asked one does not work, and `ConfigError` for
 * a tier that there is not; it never falls back to the host.
 */
export const openSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  const { tier = "auto", dangerouslyRunOnHost = false, ...rest } = options;
  if (dangerouslyRunOnHost) return hostSandbox();
  switch (tier) {
    case "auto":
      return pyodideSandbox({ ...rest, inBubblewrap: (await containmentFault()) === undefined });
    case "pyodide-in-bubblewrap": {
      const fault = await containmentFault();
      if (fault !== undefined) throw new SandboxError(`${fault} The tier "pyodide" needs no bubblewrap.`);
      return pyodideSandbox({ ...rest, inBubblewrap: true });
    }
    case "pyodide":
      return pyodideSandbox(rest);
    case "bubblewrap":
      return bubblewrapSandbox(rest);
    default:
      throw new ConfigError(`There is no sandbox ${JSON.stringify(tier)}: accepted are ${tiers.join(", ")}.`);
  }
};

let tried: Promise<string | undefined> | undefined;

/** Why Pyodide does not run inside bubblewrap on this machine; undefined where it does. Tried once a process. */
export const containmentFault = (): Promise<string | undefined> => {
  tried ??= (async () => {
    if (process.platform !== "linux") return `bubblewrap is for Linux, and this is ${process.platform}.`;
    const sandbox = await pyodideSandbox({ inBubblewrap: true, warm: 0, packages: [] });
    try {
      const { value, error } = await sandbox.runPython("6 * 7", { timeoutSeconds: 30 });
      return value === "42" ? undefined : `Pyodide does not run inside bubblewrap: ${error ?? "6 * 7 gave no result"}`;
    } finally {
      await sandbox.close();
    }
  })().catch((error: unknown) => messageOf(error));
  return tried;
};

export { bubblewrapFault, isBubblewrapUsable };
