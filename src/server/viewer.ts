import { callback, checked, listOf, name, number, objectWith, type Rules, required } from "../options.ts";
import { aboutRoute } from "./about.ts";
import { accessOf } from "./access.ts";
import { compareRoutes } from "./compare.ts";
import { openDashboard } from "./dashboard.ts";
import { groupRoutes } from "./groups.ts";
import { appOf, packageVersion } from "./http-app.ts";
import { type ListenOptions, listening } from "./listen.ts";
import { liveCalls } from "./live-calls.ts";
import { RequestError } from "./request-error.ts";
import { type RunControl, runControl } from "./run-control.ts";
import { runRoutes } from "./runs.ts";
import { tokenizersFor } from "./token-texts.ts";
import { trajectoryRoutes } from "./trajectories.ts";
import { trajectoryLines } from "./trajectory-lines.ts";

/** A run of learning under way elsewhere, which viewers may follow and stop. */
export interface WatchedRun extends Pick<RunControl, "current" | "passing"> {
  /** After the step under way, or `now`. */
  stop(now: boolean): void;
}

export interface ViewerOptions
  extends Pick<ListenOptions, "token" | "host" | "port" | "hosts" | "folder" | "dashboard" | "onFault"> {
  /** @default none can be stopped */
  readonly watched?: WatchedRun | undefined;
}

/** A server that shows stored and live runs, and solves nothing. */
export interface Viewer {
  readonly url: string;
  close(): Promise<void>;
}

const optionRules: Rules<ViewerOptions> = {
  token: required(name),
  host: name,
  port: number({ whole: true, most: 65_535 }),
  hosts: listOf(name),
  folder: name,
  dashboard: name,
  watched: objectWith("a run under way", "stop", "passing"),
  onFault: callback,
};

/**
 * Shows the runs of a folder, live and stored, with the dashboard: a server without flows, which keeps nothing. Throws
 * `ConfigError` for an address or a token that cannot be used.
 *
 * @example
 * ```ts
 * import { listenViewer } from "agentflow/server";
 *
 * const viewer = await listenViewer({ folder: "runs", token: "a-long-secret-token", port: 0 });
 * console.log(viewer.url);
 * await viewer.close();
 * ```
 */
export const listenViewer = async (options: ViewerOptions): Promise<Viewer> => {
  checked("listenViewer", options, optionRules);
  const { token, folder = "runs", watched, onFault = () => undefined } = options;
  const dashboard = await openDashboard(options.dashboard);
  const ending = new AbortController();
  const live = liveCalls();
  const lines = trajectoryLines();
  const control = controlOf(watched, onFault);
  const routes = [
    aboutRoute({
      version: packageVersion(),
      flows: {},
      starts: false,
      resumes: false,
      experience: false,
      current: () => control.current,
    }),
    ...runRoutes(folder, control),
    ...groupRoutes(folder, lines),
    ...trajectoryRoutes({ root: folder, lines, placeOf: async () => undefined, tokenizers: tokenizersFor([]) }),
    ...compareRoutes(folder, lines),
  ];
  ending.signal.addEventListener("abort", () => live.abortAll(ending.signal.reason), { once: true });
  return listening(
    async (hosts) => {
      const app = appOf(routes, { access: accessOf(token, hosts), live, dashboard, onFault });
      return {
        fetch: async (request: Request) => app.fetch(request),
        close: async () => {
          ending.abort(new RequestError(503, "The server is shutting down.", { code: "shutting_down" }));
        },
      };
    },
    { host: options.host, port: options.port, hosts: options.hosts },
  );
};

/** Starts and resumes nothing; follows and stops the one run that is watched. */
const controlOf = (watched: WatchedRun | undefined, onFault: (error: unknown) => void): RunControl => {
  const none = runControl(undefined, onFault);
  if (watched === undefined) return none;
  return {
    ...none,
    get current() {
      return watched.current;
    },
    passing: (id) => watched.passing(id),
    stop: (id, now) => {
      if (watched.current !== id) none.stop(id, now);
      else watched.stop(now);
    },
  };
};
