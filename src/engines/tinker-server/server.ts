import { createHash } from "node:crypto";
import { messageOf } from "../../errors.ts";
import { callback, checked, count, name, objectWith, type Rules, required, seconds, text } from "../../options.ts";
import { API, type HttpRequest, type HttpResponse, PROTOBUF_TYPE } from "../tinker/http.ts";
import { isKey } from "./answers.ts";
import { type Fields, fieldsOf } from "./fields.ts";
import { isSenders, jsonResponse } from "./futures.ts";
import { Refusal } from "./refusal.ts";
import { createService, type Service, type TinkerServerOptions } from "./service.ts";

const serverRules: Rules<TinkerServerOptions> = {
  engine: required(objectWith("an engine", "policy")),
  folder: required(name),
  token: text,
  model: name,
  tokenizer: name,
  models: count,
  pollSeconds: seconds,
  sessionSeconds: seconds,
  newId: callback,
  now: callback,
};

/** A server of the Tinker API without its socket: requests in, answers out. */
export interface TinkerServer {
  handle(request: HttpRequest): Promise<HttpResponse>;
}

type Answer = object | HttpResponse | Promise<object | HttpResponse>;
type Post = (service: Service, fields: () => Fields, request: HttpRequest) => Answer;
type Route = readonly [
  method: HttpRequest["method"],
  pattern: RegExp,
  answer: (service: Service, parts: readonly string[], query: URLSearchParams) => Answer,
];

/** Calls by their path below the API's. */
const POSTS: Readonly<Record<string, Post>> = {
  "client/config": () => ({ pjwt_auth_enabled: false, proto_compress_fwdbwd: false }),
  "client/dynamic_config": () => ({ refresh_interval_sec: 300, sample_cancel_enabled: false }),
  telemetry: () => ({ status: "accepted" }),
  create_session: (service) => service.createSession(),
  session_heartbeat: (service, fields) => service.heartbeat(fields()),
  create_model: (service, fields) => service.createModel(fields()),
  get_info: (service, fields) => service.info(fields()),
  unload_model: (service, fields) => service.unload(fields()),
  forward_backward: ({ models }, _, { headers, body }) => {
    if (headers["content-type"] !== PROTOBUF_TYPE || body === undefined)
      throw new Refusal(`forward_backward takes a body of ${PROTOBUF_TYPE}.`, 415);
    return models.forwardBackward(body, hashOf(body));
  },
  optim_step: ({ models }, fields) => models.optimStep(fields()),
  save_weights: ({ models }, fields) => models.saveWeights(fields()),
  save_weights_for_sampler: ({ models }, fields) => models.saveForSampler(fields()),
  load_weights: (service, fields) => service.loadWeights(fields()),
  create_sampling_session: (service, fields) => service.createSampler(fields()),
  asample: (service, fields) => service.sample(fields()),
  retrieve_future: (service, fields) => service.retrieve(fields()),
  weights_info: (service, fields) => service.weightsInfo(fields()),
};

const ROUTES: readonly Route[] = [
  ["GET", /^healthz$/, () => ({ status: "ok" })],
  [
    "GET",
    /^get_server_capabilities$/,
    ({ base, contextLength }: Service) => ({
      supported_models: [{ model_name: base, max_context_length: contextLength, trainable: true, sampleable: true }],
    }),
  ],
  ["POST", /^sessions\/([^/]+)\/finish$/, (service, [id = ""]) => service.finish(id)],
  ["GET", /^samplers\/([^/]+)$/, (service, [id = ""]) => service.sampler(id)],
  ["GET", /^training_runs$/, (service, _, query) => service.runs(query)],
  ["GET", /^training_runs\/([^/]+)$/, (service, [id = ""]) => service.run(id)],
  ["GET", /^training_runs\/([^/]+)\/checkpoints$/, (service, [id = ""]) => service.checkpoints(id)],
  [
    "DELETE",
    /^training_runs\/([^/]+)\/checkpoints\/((?:sampler_)?weights\/[^/]+)$/,
    async (service, [id = "", path = ""]) => {
      await service.deleteCheckpoint(id, path);
      return { status: 204, headers: {}, body: new Uint8Array() };
    },
  ],
];

/**
 * Serves an engine to clients of the Tinker API, by the protocol's own rules: losses are sums, training requests are
 * executed in the order of their numbers, a request that comes twice is executed once, conflicts are 400, snapshots do
 * not change, results stay until their session ends.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 * import { listen, tinkerServer } from "agentflow/engines/tinker-server";
 *
 * const engine = await openEngine("agentflow-tiny");
 * const server = tinkerServer({ engine, folder: "checkpoints", token: "tml-secret" });
 * const { url, close } = await listen(server, { port: 8210 });
 * ```
 */
export const tinkerServer = (options: TinkerServerOptions): TinkerServer => {
  const { token } = checked("tinkerServer", options, serverRules);
  const service = createService(options);
  const answer = async (request: HttpRequest): Promise<object | HttpResponse> => {
    const { path, query } = placeOf(request.path);
    if (token !== undefined && path !== "healthz" && !isKey(request.headers["x-api-key"], token))
      throw new Refusal("The key is missing or wrong: send the server's token as X-API-Key.", 401);
    service.endSilent();
    const body = request.body ?? new Uint8Array();
    if (request.method === "POST" && Object.hasOwn(POSTS, path)) {
      const post = POSTS[path];
      if (post !== undefined) return post(service, () => fieldsOf(body, hashOf(body)), request);
    }
    for (const [method, pattern, reply] of ROUTES) {
      const match = method === request.method ? pattern.exec(path) : null;
      if (match !== null) return reply(service, match.slice(1), query);
    }
    throw new Refusal("Not Found", 404);
  };
  return {
    handle: async (request) => {
      try {
        const replied = await answer(request);
        return isResponse(replied) ? replied : jsonResponse(200, replied);
      } catch (error) {
        return jsonResponse(statusOf(error), { detail: messageOf(error) });
      }
    },
  };
};

/** The path below the API's, empty for another one, and the query. Throws `Refusal`. */
const placeOf = (target: string): { readonly path: string; readonly query: URLSearchParams } => {
  try {
    // After two slashes a host would follow.
    const url = new URL(target, "http://localhost");
    if (!/^\/(?!\/)/.test(target)) throw new SyntaxError("It is not a path.");
    const whole = decodeURIComponent(url.pathname);
    return { path: whole.startsWith(API) ? whole.slice(API.length) : "", query: url.searchParams };
  } catch {
    throw new Refusal(`${JSON.stringify(target.slice(0, 100))} is no path: accepted are those below ${API}.`);
  }
};

const hashOf = (body: Uint8Array): string => createHash("sha256").update(body).digest("hex");

/** What a request of ours to understand it ends with: the sender's fault, unless a file is. */
const statusOf = (error: unknown): number => {
  if (error instanceof Refusal) return error.status;
  return isSenders(error) ? 400 : 500;
};

const isResponse = (answer: object | HttpResponse): answer is HttpResponse =>
  "body" in answer && answer.body instanceof Uint8Array;
