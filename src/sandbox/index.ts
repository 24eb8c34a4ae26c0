import { ConfigError } from "../errors.ts";
import { checked, listOf, name, number, type Rules, truth } from "../options.ts";
import { bubblewrapSandbox, isBubblewrapUsable } from "./bubblewrap-sandbox.ts";
import { hostSandbox } from "./host-sandbox.ts";
import { type PyodideOptions, pyodideSandbox } from "./pyodide-sandbox.ts";
import type { Sandbox } from "./sandbox.ts";

export type { RunOptions, RunResult, Sandbox } from "./sandbox.ts";

export interface SandboxOptions extends PyodideOptions {
  /** @default "auto": Pyodide; it works everywhere and starts warm */
  readonly tier?: "auto" | "pyodide" | "bubblewrap";
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

/** A sandbox for programs that a model wrote. Throws `SandboxError` where the asked one does not work; it never falls back to the host. */
export const openSandbox = async (options: SandboxOptions = {}): Promise<Sandbox> => {
  checked("openSandbox", options, optionRules);
  const { tier = "auto", dangerouslyRunOnHost = false } = options;
  if (dangerouslyRunOnHost) return hostSandbox();
  if (tier === "auto" || tier === "pyodide") return pyodideSandbox(options);
  if (tier === "bubblewrap") return bubblewrapSandbox(options);
  throw new ConfigError(`There is no sandbox ${JSON.stringify(tier)}: accepted are auto, pyodide, bubblewrap.`);
};

export { isBubblewrapUsable };
