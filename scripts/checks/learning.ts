import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
/** The command as it is built, or from its sources where it is not. */
const command = existsSync(join(root, "dist", "cli", "main.js"))
  ? [join(root, "dist", "cli", "main.js")]
  : ["--import", "tsx", join(root, "src", "cli", "main.ts")];

/** A run of learning that takes seconds: every phase is there, and each is short. */
export const SHORT = [
  "--steps",
  "2",
  "--cold-start",
  "0",
  "--eval-tasks",
  "2",
  "--checkpoint-every",
  "1",
  "--no-replay",
  "--quiet",
];

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Starts the command in a process group of its own. */
export const start = (
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended>; kill(): void } => {
  const child = spawn(process.execPath, [...command, ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4000);
  });
  const ended = new Promise<Ended>((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stderr })));
  return {
    child,
    ended,
    kill: () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    },
  };
};

/** Runs learning to its end, from the beginning or from where the run in the folder is; one that is finished has ended. */
export const learn = (
  out: string,
  environment?: Readonly<Record<string, string>>,
): Pick<ReturnType<typeof start>, "ended" | "kill"> => {
  const [id] = existsSync(out) ? readdirSync(out).filter((name) => existsSync(join(out, name, "options.json"))) : [];
  // Killed after its last file was there: nothing is left to do.
  if (id !== undefined && existsSync(join(out, id, "report.json")))
    return { ended: Promise.resolve({ code: 0, signal: null, stderr: "" }), kill: () => undefined };
  return start(
    ["learn", ...(id === undefined ? [...SHORT, "--out", out] : ["--resume", join(out, id), "--quiet"])],
    environment,
  );
};

/** Everything of a finished run that must be the same however often it was killed: no wall time is in it. */
export const fingerprint = (out: string): string => {
  const [id = ""] = readdirSync(out).filter((name) => existsSync(join(out, name, "report.json")));
  const run = join(out, id);
  const hash = createHash("sha256");
  for (const name of ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl", "weights/model.safetensors"])
    hash.update(`${name}\n`).update(readFileSync(join(run, name)));
  const steps = readdirSync(join(run, "checkpoints"))
    .filter((name) => name.startsWith("step-"))
    .sort();
  // Weights and both moments of the optimiser.
  hash.update(readFileSync(join(run, "checkpoints", steps.at(-1) ?? "", "policy-planner.state")));
  return hash.digest("hex");
};

/** Which part of a run is under way, by what it has written. */
export const phaseOf = (out: string): string => {
  const [id] = existsSync(out) ? readdirSync(out) : [];
  if (id === undefined) return "start";
  const run = join(out, id);
  const has = (name: string): boolean => existsSync(join(run, name));
  if (has("report.json")) return "end";
  if (has("weights")) return "evaluation after";
  if (!has("phases.json")) return "evaluation before";
  if (!/"baselines"/.test(readFileSync(join(run, "phases.json"), "utf8"))) return "baselines";
  const points = has("checkpoints") ? readdirSync(join(run, "checkpoints")) : [];
  if (points.some((name) => name.startsWith(".tmp"))) return "checkpoint write";
  return points.length === 0 ? "first step" : "training";
};
