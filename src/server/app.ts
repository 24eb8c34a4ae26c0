import type { McpServerFactory } from "@modelcontextprotocol/server";
import type { Tokenizer } from "../engine.ts";
import {
  callback,
  checked,
  count,
  listOf,
  name,
  objectWith,
  type Rules,
  recordOf,
  required,
  ruleOf,
  truth,
} from "../options.ts";
import { type Redactor, redactor } from "../secrets/redact.ts";
import type { FolderExperience } from "../store/experience.ts";
import { aboutRoute } from "./about.ts";
import { accessOf } from "./access.ts";
import { type Admission, admissionOf } from "./admission.ts";
import { answerer } from "./answering.ts";
import { chatCompletions } from "./chat-completions.ts";
import { compareRoutes } from "./compare.ts";
import { openDashboard } from "./dashboard.ts";
import { experienceRoutes } from "./experience-routes.ts";
import { feedbackRoute } from "./feedback.ts";
import { groupRoutes } from "./groups.ts";
import { healthRoute } from "./health.ts";
import type { HealthCheck } from "./health-check.ts";
import { appOf, packageVersion } from "./http-app.ts";
import { learningRoutes } from "./learning-routes.ts";
import { liveCalls } from "./live-calls.ts";
import { mcpFactory, mcpRoutes, serveMcpOn } from "./mcp.ts";
import type { McpStreams } from "./mcp-streams.ts";
import { modelsRoute } from "./models.ts";
import { RequestError } from "./request-error.ts";
import { responses } from "./responses.ts";
import type { Route } from "./route.ts";
import { type RunStarter, runControl } from "./run-control.ts";
import { runRoutes } from "./runs.ts";
import { openServeRecord } from "./serve-record.ts";
import { type ServedFlow, servedModels } from "./served-models.ts";
import { solveEventsRoute } from "./solve-events.ts";
import { tokenizersFor } from "./token-texts.ts";
import { trajectoryRoutes } from "./trajectories.ts";
import { trajectoryLines } from "./trajectory-lines.ts";
import { whyRoute } from "./why-route.ts";

export interface ServerOptions {
  /** By the names under which clients ask for them. */
  readonly flows: Readonly<Record<string, ServedFlow>>;
  /** What clients send as `Authorization: Bearer …`: 16 characters or more. */
  readonly token: string;
  /** Accepted Host headers: `name:port`, or `name` for any port. @default localhost, 127.0.0.1 and [::1] */
  readonly hosts?: readonly string[] | undefined;
  /** Folder of the runs: the server keeps its answers and judgements there, in a run of its own. @default "runs" */
  readonly folder?: string | undefined;
  /** Solves at once. @default 64 */
  readonly concurrency?: number | undefined;
  /** Requests that may wait for one. @default 2048 */
  readonly waiting?: number | undefined;
  /** How runs of learning are started and resumed here. @default they are only shown */
  readonly training?: RunStarter | undefined;
  /** Takes secrets out of what people say of answers before it is kept; the token always is. @default none */
  readonly redact?: Redactor | undefined;
  /** Memory across tasks that is shown, and pruned. @default none */
  readonly experience?: FolderExperience | undefined;
  /** Folder of the built dashboard, which is served at `/`. @default the package's own */
  readonly dashboard?: string | undefined;
  /** What `/healthz` looks at besides the disk. @default [] */
  readonly health?: readonly HealthCheck[] | undefined;
  /** Told of faults of the server, which clients only learn the existence of. @default nobody */
  readonly onFault?: ((error: unknown) => void) | undefined;
  /** Wall time in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** A server without its listener: takes requests, gives responses. */
export interface AgentServer {
  fetch(request: Request): Promise<Response>;
  /**
   * Speaks the Model Context Protocol with one client over two streams, such as stdin and stdout, until the client closes
   * them. Throws `ConfigError` where the package for it is missing.
   */
  serveMcp(streams: McpStreams): Promise<void>;
  /** Id of the run that keeps its answers. */
  readonly run: string;
  /**
   * Refuses what comes from now on, lets what is under way finish for some seconds, aborts the rest, and closes the files.
   */
  close(options?: { readonly graceSeconds?: number }): Promise<void>;
}

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

const optionRules: Rules<ServerOptions> = {
  flows: required(
    recordOf(
      ruleOf<ServedFlow>({
        flow: required(objectWith("a flow", "solve")),
        policies: listOf(objectWith("a policy", "hold")),
        conversation: truth,
        learning: objectWith("what serveLearning returns", "judge"),
      }),
    ),
  ),
  token: required(name),
  hosts: listOf(name),
  folder: name,
  concurrency: count,
  waiting: count,
  training: objectWith("what starts runs", "start"),
  experience: objectWith("what openExperience returns", "list", "prune"),
  dashboard: name,
  health: listOf(ruleOf<HealthCheck>({ name: required(name), check: required(callback) })),
  redact: callback,
  onFault: callback,
  now: callback,
};

/**
 * Serves flows by OpenAI's protocols, with the checks that a local server needs: Host, Origin, token, sizes. Throws
 * `ConfigError` for options that cannot work.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { agentServer } from "agentflow/server";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {} });
 * const server = await agentServer({ flows: { research: { flow } }, token: "a-long-secret-token" });
 * const headers = { authorization: "Bearer a-long-secret-token" };
 * const response = await server.fetch(new Request("http://localhost/v1/models", { headers }));
 * console.log(await response.json());
 * await server.close();
 * ```
 */
export const agentServer = async (options: ServerOptions): Promise<AgentServer> => {
  checked("agentServer", options, optionRules);
  const { flows, token, hosts = LOOPBACK, folder = "runs", concurrency = 64, waiting = 2048 } = options;
  const {
    health = [],
    training,
    experience,
    redact = redactor([]),
    onFault = () => undefined,
    now = Date.now,
  } = options;
  const access = accessOf(token, hosts);
  const models = servedModels(flows);
  const record = await openServeRecord(folder, { flows: models.list() });
  const admission = admissionOf(concurrency, waiting);
  const ending = new AbortController();
  const live = liveCalls();
  ending.signal.addEventListener("abort", () => live.abortAll(ending.signal.reason), { once: true });
  const answer = answerer(models, admission, record, live);
  for (const { flow, reward, ...known } of record.earlier)
    if (flows[flow]?.learning !== undefined && known.answer !== null) {
      flows[flow].learning.learner.answered({ id: known.trajectory, answer: known.answer }, known.query);
      flows[flow].learning.judge(known.trajectory, reward, undefined);
    }
  const version = packageVersion();
  const mcp = (): Promise<McpServerFactory> => mcpFactory(answer, Object.keys(flows), version);
  const control = runControl(training, onFault);
  const lines = trajectoryLines();
  const routes: Route[] = [
    aboutRoute({
      version,
      flows,
      starts: training !== undefined,
      resumes: training?.resume !== undefined,
      experience: experience !== undefined,
      current: () => control.current,
    }),
    chatCompletions(answer, now),
    responses(answer, now),
    solveEventsRoute(answer),
    modelsRoute(models, now()),
    feedbackRoute(flows, record, (reason) => redactor([token])(redact(reason)), now),
    ...learningRoutes(flows),
    ...runRoutes(folder, control),
    ...groupRoutes(folder, lines),
    ...trajectoryRoutes({
      root: folder,
      lines,
      placeOf: record.placeOf,
      tokenizers: tokenizersFor(tokenizersOf(flows)),
    }),
    whyRoute(folder, training?.explain),
    ...compareRoutes(folder, lines),
    ...experienceRoutes(experience),
    ...mcpRoutes(mcp, ending.signal),
    healthRoute(access, models, admission, record, health),
  ];
  const app = appOf(routes, { access, live, dashboard: await openDashboard(options.dashboard), onFault });
  let closing: Promise<void> | undefined;
  return {
    run: record.run.id,
    fetch: async (request) => app.fetch(request),
    serveMcp: async (streams) => serveMcpOn(await mcp(), streams),
    close: ({ graceSeconds = 10 } = {}) => {
      closing ??= closeAll(admission, ending, graceSeconds).finally(async () => {
        for (const { learning } of Object.values(flows)) await learning?.close();
        await control.close();
        await record.close();
      });
      return closing;
    },
  };
};

/** What the served versions write with. */
const tokenizersOf = (flows: ServerOptions["flows"]): readonly Tokenizer[] => [
  ...new Set(Object.values(flows).flatMap(({ policies = [] }) => policies.map(({ engine }) => engine.tokenizer))),
];

const closeAll = async (admission: Admission, ending: AbortController, graceSeconds: number): Promise<void> => {
  admission.close();
  const empty = admission.empty();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, graceSeconds * 1000);
  });
  await Promise.race([empty, late]);
  clearTimeout(timer);
  ending.abort(new RequestError(503, "The server is shutting down.", { code: "shutting_down" }));
  await empty;
};
