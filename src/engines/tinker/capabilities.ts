import { type AgentFlowError, ConfigError, EngineError } from "../../errors.ts";
import type { BareClient } from "./bare-client.ts";
import type { Json } from "./connection.ts";
import { Lost, ServerRefusal } from "./failures.ts";

/** The call that shows whether a server speaks the Tinker API, before anything is made at it. */
export const CAPABILITIES = "get_server_capabilities";

/** A base model by the server's name for it; its first, when none is named. Makes nothing there. */
export const modelAt = async (client: BareClient, url: string, model: string | undefined): Promise<string> => {
  const { status, json } = await client.send("GET", CAPABILITIES);
  if (status !== 200 || !Array.isArray(json.supported_models))
    throw refused(url, status, typeof json.detail === "string" ? json.detail : "");
  const [first] = namesIn(json);
  const base = model ?? first;
  if (base === undefined)
    throw new EngineError(`${url} names no model: start it with one, or name the model with --model.`);
  modelIn(json, url, base);
  return base;
};

/** What a server says of a model. Servers may make one of any name on the base that they have: it is looked up first. */
export const modelIn = (capabilities: Json, url: string, base: string): Json => {
  const found = listedIn(capabilities).find(({ model_name: name }) => name === base);
  if (found !== undefined) return found;
  const names = namesIn(capabilities).join(", ") || "none";
  throw new ConfigError(`${url} has no model ${base}: accepted are ${names}.`);
};

/** An answer in the place of capabilities: whose fault it is, and what to do. */
const refused = (url: string, status: number, detail: string): AgentFlowError => {
  const said = `${status}${detail === "" ? "" : `, ${JSON.stringify(detail.slice(0, 200))}`}`;
  if (status === 401)
    return new ConfigError(`The key is wrong: ${url} answered ${said}. Send the key of this server (TINKER_API_KEY).`);
  if (status === 403)
    return new ConfigError(`${url} refuses this client: it answered ${said}. Check the key (TINKER_API_KEY).`);
  if (status === 429 || status === 503)
    return new EngineError(`${url} is busy: it answered ${said}. Try again when it is free.`);
  return new EngineError(
    `${url} is no server of the Tinker API: it answered ${said} when asked for ${CAPABILITIES}. Give its address without /api/v1.`,
  );
};

/** The same of an error. */
export const refusedBy = (url: string, error: unknown): unknown => {
  if (error instanceof ServerRefusal) return refused(url, error.status, error.detail);
  return error instanceof Lost ? refused(url, 404, "") : placed(url, error);
};

/** What goes wrong at a server says which one it is. */
export const placed = (url: string, error: unknown): unknown =>
  error instanceof EngineError && !error.message.includes(url)
    ? new EngineError(`${url}: ${error.message}`, { cause: error })
    : error;

const listedIn = ({ supported_models: listed }: Json): readonly Json[] =>
  (Array.isArray(listed) ? listed : []).filter((one) => typeof one === "object" && one !== null);

const namesIn = (capabilities: Json): readonly string[] =>
  listedIn(capabilities).flatMap(({ model_name: name }) => (typeof name === "string" ? [name] : []));
