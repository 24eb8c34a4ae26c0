import { ConfigError, messageOf, SandboxError } from "../errors.ts";
import { abortSignal, checked, listOf, name, number, type Rules, required, text, truth } from "../options.ts";
import { bubblewrapSandbox } from "./bubblewrap-sandbox.ts";
import { hostSandbox } from "./host-sandbox.ts";
import { type PyodideOptions, pyodideSandbox } from "./pyodide-sandbox.ts";
import type { RunOptions, Sandbox } from "./sandbox.ts";
import { wasiSandbox } from "./wasi-sandbox.ts";

const tiers = ["auto", "pyodide-in-bubblewrap", "pyodide", "wasi-in-bubblewrap", "wasi", "bubblewrap"] as const;

/** Where programs can run; "auto" is the strictest that works here. */
export type SandboxTier = (typeof tiers)[number];

export interface SandboxOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
  /** Interpreters that wait, already started. @default 1 */
  readonly warm?: number;
  /** Zip files of pure Python that a program can import. @default those of SymPy, where they are found */
  readonly packages?: readonly string[];
  /**
   * Where programs run. "auto" is the strictest that works here: "pyodide-in-bubblewrap" on Linux with bubblewrap, else
   * "pyodide". "wasi" and "wasi-in-bubblewrap" run a Python without any bridge to JavaScript, with numpy, pandas and scipy,
   * once `agentflow sandbox pull` has brought it here (Node 24 or later). "bubblewrap" runs this machine's python3 instead, with whatever it can import. @default "auto"
   */
  readonly tier?: SandboxTier;
  /** Runs programs with this machine's python3, as you and with all your rights. @default false */
  readonly dangerouslyRunOnHost?: boolean;
}

const optionRules: Rules<SandboxOptions> = {
  tier: name,
  dangerouslyRunOnHost: truth,
  memoryMegabytes: number({ least: 32, most: 65_536 }),
  warm: number({ whole: true, most: 64 }),
  packages: listOf(name),
};

/** A limit that is not a number limits nothing: none gets through. */
const runRules: Rules<RunOptions> = {
  timeoutSeconds: number({ above: 0, most: 86_400 }),
  outputLimit: number({ least: 1, most: 2 ** 22, whole: true }),
  abortSignal,
};

/**
 * A sandbox for programs that a model wrote. Throws `SandboxError` where the asked one does not work, and `ConfigError` for
 * a tier that there is not; it never falls back to the host.
 *
 * @example
 * ```ts
 * import { openSandbox } from "agentflow/sandbox";
 *
 * const sandbox = await openSandbox();
 * const { value, error } = await sandbox.runPython("6 * 7", { timeoutSeconds: 5 });
 * console.log(value ?? error);
 * await sandbox.close();
 * ```
 */
export const openSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  checked("openSandbox", options, optionRules);
  const sandbox = await openTier(options);
  return {
    ...sandbox,
    runPython: async (code, limits = {}) => {
      required(text)(code, "runPython: the program");
      return sandbox.runPython(code, checked("runPython", limits, runRules));
    },
  };
};

const openTier = async (options: SandboxOptions): Promise<Sandbox> => {
  const { tier = "auto", dangerouslyRunOnHost = false, ...rest } = options;
  if (dangerouslyRunOnHost) return hostSandbox();
  switch (tier) {
    case "auto":
      return contained(rest).catch((error: unknown) => {
        if (error instanceof SandboxError) return pyodideSandbox(rest);
        throw error;
      });
    case "pyodide-in-bubblewrap":
      return contained(rest);
    case "pyodide":
      return pyodideSandbox(rest);
    case "wasi-in-bubblewrap":
      return wasiContained(rest);
    case "wasi":
      return wasiSandbox(rest);
    case "bubblewrap":
      return bubblewrapSandbox(rest);
    default:
      throw new ConfigError(`There is no sandbox ${JSON.stringify(tier)}: accepted are ${tiers.join(", ")}.`);
  }
};

/** Pyodide inside bubblewrap, seen to work. */
const contained = (options: PyodideOptions): Promise<Sandbox> =>
  seenToWork("pyodide", () => pyodideSandbox({ ...options, inBubblewrap: true }));

const wasiContained = (options: PyodideOptions): Promise<Sandbox> =>
  seenToWork("wasi", () => wasiSandbox({ ...options, inBubblewrap: true }));

const seenToWork = async (name: string, open: () => Promise<Sandbox>): Promise<Sandbox> => {
  if (process.platform !== "linux")
    throw new SandboxError(
      `The tier "${name}-in-bubblewrap" is for Linux, and this is ${process.platform}. Use "${name}".`,
    );
  const sandbox = await open();
  try {
    const { value, error } = await sandbox.runPython("6 * 7", { timeoutSeconds: 30 });
    if (value === "42") return sandbox;
    throw new SandboxError(`The tier "${name}" does not run inside bubblewrap: ${error ?? "6 * 7 gave no result"}`);
  } catch (error) {
    await sandbox.close();
    throw error;
  }
};

/**
 * Why a tier does not run programs on this machine; undefined where it does.
 *
 * @example
 * ```ts
 * import { tierFault } from "agentflow/sandbox";
 *
 * for (const tier of ["pyodide", "wasi", "bubblewrap"] as const) console.log(tier, (await tierFault(tier)) ?? "works");
 * ```
 */
export const tierFault = async (tier: Exclude<Sandbox["tier"], "host">): Promise<string | undefined> => {
  try {
    const sandbox = await openSandbox({ tier, warm: 0, packages: [] });
    try {
      const { value, error } = await sandbox.runPython("6 * 7", { timeoutSeconds: 30 });
      return value === "42" ? undefined : (error ?? "6 * 7 gave no result");
    } finally {
      await sandbox.close();
    }
  } catch (error) {
    return messageOf(error);
  }
};
