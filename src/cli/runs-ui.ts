import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { messageOf } from "../errors.ts";
import type { LearnHappening } from "../learn/event.ts";
import { listenViewer, type WatchedRun } from "../server/viewer.ts";
import { endAsked, pageAddress } from "./page-address.ts";
import { requireRunsAt } from "./places.ts";
import { labelled } from "./screen.ts";
import { openScreen, sideScreen, writeJson } from "./terminal.ts";

export interface RunsUiOptions {
  /** Where the runs are. */
  readonly out: string;
  readonly port: number;
  readonly json: boolean;
}

/** What a run of learning tells the process that shows it. */
export type ToViewer =
  | { readonly type: "run"; readonly run: string }
  | { readonly type: "event"; readonly event: LearnHappening };

/** What that process tells the run. */
export type FromViewer =
  | { readonly type: "open"; readonly page: string }
  | { readonly type: "stop"; readonly now: boolean };

/** `agentflow runs ui`: the dashboard on the runs of a folder, until Ctrl-C. With a parent that learns, until that ends. */
export const runsUiCommand = async ({ out, port, json }: RunsUiOptions): Promise<number> => {
  const screen = openScreen({ json });
  const set = process.env.AGENTFLOW_TOKEN || undefined;
  const token = set ?? randomBytes(24).toString("base64url");
  const parent = parentRun();
  // A run that has just begun makes its folder itself.
  if (parent === undefined) await requireRunsAt(out);
  const viewer = await listenViewer({
    folder: out,
    token,
    port,
    watched: parent?.watched,
    onFault: (error) => sideScreen().line(`fault     ${messageOf(error)}`),
  });
  try {
    const page = pageAddress(viewer.url, token);
    parent?.tell({ type: "open", page });
    labelled(screen, "runs in", out);
    labelled(screen, "open", set === undefined ? page : pageAddress(viewer.url));
    if (set !== undefined) labelled(screen, "token", "as AGENTFLOW_TOKEN says");
    labelled(screen, "end", "Ctrl-C");
    if (json) writeJson({ schemaVersion: 1, url: viewer.url, page, token });
    await (parent?.ended ?? endAsked());
  } finally {
    await viewer.close();
  }
  return 0;
};

/** How long pages may take to hear how a run ended; its folder is looked at each second. */
const LAST_MS = 3000;
/** How long they may ask for what they show of it. */
const AFTER_MS = 1000;

/** The run of the process that started this one, if it did. */
const parentRun = ():
  | { readonly watched: WatchedRun; readonly ended: Promise<void>; tell(message: FromViewer): void }
  | undefined => {
  if (process.send === undefined) return undefined;
  const listeners = new Set<(event: LearnHappening) => void>();
  let run: string | undefined;
  process.on("message", (message: ToViewer) => {
    if (message.type === "run") run = message.run;
    else for (const listener of listeners) listener(message.event);
  });
  // Ctrl-C goes to both: the run ends in its own time, and is seen until then.
  process.on("SIGINT", () => undefined);
  const tell = (message: FromViewer): void => {
    if (process.connected) process.send?.(message);
  };
  const disconnected = new Promise<void>((end) => void process.once("disconnect", () => end()));
  /** Whoever follows the run leaves with its last event. */
  const told = async (): Promise<void> => {
    await disconnected;
    if (listeners.size === 0) return;
    for (let waited = 0; listeners.size > 0 && waited < LAST_MS; waited += 50) await wait(50);
    await wait(AFTER_MS);
  };
  return {
    ended: told(),
    tell,
    watched: {
      get current() {
        return run;
      },
      passing: (id) =>
        id !== run
          ? undefined
          : (listener) => {
              listeners.add(listener);
              return () => void listeners.delete(listener);
            },
      stop: (now) => tell({ type: "stop", now }),
    },
  };
};
