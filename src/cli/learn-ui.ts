import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import type { LearnFinish, LearnHappening } from "../learn/event.ts";
import { codeFolder } from "../package-folder.ts";
import type { FromViewer, ToViewer } from "./runs-ui.ts";

/** The dashboard beside a run of learning. Whatever becomes of it, the run continues. */
export interface LearnUi {
  /** Passes an event on, or leaves it out while the one before is still under way. */
  show(event: LearnHappening | LearnFinish<unknown>): void;
  /** Lets it end, once open pages know how the run ended. True where there was one. */
  close(): boolean;
}

export interface LearnUiOptions {
  /** Where the runs are. */
  readonly folder: string;
  /** Told the address of the page, logged in. */
  readonly onOpen: (page: string) => void;
  readonly onFailure: (why: string) => void;
  /** Somebody stopped the run in the page: after the step under way, or `now`. */
  readonly onStop: (now: boolean) => void;
}

/** Of what passes only the newest of these counts; the rest is read from the run's folder. */
const passing = new Set<string>(["stage", "imitation-step", "evaluation-progress", "diagnosis"]);
/** Below everything else: pages wait, the run does not. */
const PRIORITY = 10;

/**
 * Starts `agentflow runs ui` in a process of its own, on a free port of loopback with a token of its own. It reads the
 * run's folder; of this process it takes only what passes.
 */
export const openLearnUi = ({ folder, onOpen, onFailure, onStop }: LearnUiOptions): LearnUi => {
  const isSource = codeFolder.pathname.endsWith("/src/");
  const main = fileURLToPath(new URL(`cli/main.${isSource ? "ts" : "js"}`, codeFolder));
  const { PATH, HOME, TMPDIR, AGENTFLOW_TOKEN } = process.env;
  const token = AGENTFLOW_TOKEN || randomBytes(24).toString("base64url");
  const child: ChildProcess = fork(main, ["runs", "ui", "--out", folder, "--port", "0"], {
    execArgv: isSource ? ["--import", import.meta.resolve("tsx")] : [],
    env: { PATH, HOME, TMPDIR, AGENTFLOW_TOKEN: token },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  let isOpen = false;
  let isClosed = false;
  let isBusy = false;
  let next: ToViewer | undefined;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  child.on("message", (message: FromViewer) => {
    if (message.type === "stop") return onStop(message.now);
    isOpen = true;
    // A token that somebody set is not printed.
    onOpen(AGENTFLOW_TOKEN ? message.page.replace(/#.*$/s, "") : message.page);
  });
  const gone = (why: string): void => {
    if (!isClosed) onFailure(why);
    isClosed = true;
  };
  child.on("error", (error) => gone(error.message));
  child.on("exit", () => gone(said.trim().split("\n").at(-1) || (isOpen ? "its process ended" : "it did not start")));
  try {
    if (child.pid !== undefined) setPriority(child.pid, PRIORITY);
  } catch {
    // Where that is not allowed it is as any other process.
  }
  // Neither keeps the run's process alive.
  child.unref();
  child.channel?.unref();
  (child.stderr as (NodeJS.ReadableStream & { unref?: () => void }) | null)?.unref?.();

  const send = (message: ToViewer): void => {
    if (isClosed || !child.connected) return;
    if (isBusy) {
      next = message;
      return;
    }
    isBusy = true;
    child.send(message, () => {
      isBusy = false;
      const waiting = next;
      next = undefined;
      if (waiting !== undefined) send(waiting);
    });
  };
  return {
    show: (event) => {
      if (event.type === "run-start") send({ type: "run", run: event.run });
      else if (event.type !== "finish" && passing.has(event.type)) send({ type: "event", event });
    },
    close: () => {
      const wasOpen = isOpen && !isClosed;
      isClosed = true;
      if (child.connected) child.disconnect();
      return wasOpen;
    },
  };
};
