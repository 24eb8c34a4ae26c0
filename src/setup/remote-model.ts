import type { ModelSettings } from "../config.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import {
  type AiSdkLanguageModel,
  aiSdkModel,
  type OpenAICompatibleOptions,
  openaiCompatible,
  type ResilientOptions,
  replayModel,
  resilient,
} from "../models/index.ts";
import { secretsOf } from "../secrets/secrets.ts";

/** A chat model that is somewhere else, and where. A local one is opened by an engine instead. */
export interface RemoteModel {
  readonly model: ChatModel;
  /** For people: no key is in it. */
  readonly where: string;
}

/** How often a call is tried. */
export type Tries = Pick<ResilientOptions, "attempts">;

const OPENAI = "https://api.openai.com/v1";

/**
 * What a person or a configuration names as a model, when it is not a local one (undefined: then `findModel` knows it).
 * Models over a network are made resilient. Throws `ConfigError` for what names no model, or needs a key that is missing.
 *
 * @example
 * ```ts
 * import { remoteModel } from "agentflow/setup";
 *
 * const remote = await remoteModel("openai:gpt-5-mini", process.env);
 * if (remote !== undefined) console.log(remote.model.id, remote.where);
 * ```
 */
export const remoteModel = async (
  settings: ModelSettings,
  variables: EnvironmentVariables,
  tries: Tries = {},
): Promise<RemoteModel | undefined> => {
  if (typeof settings === "string") return namedModel(settings, variables, tries);
  if ("complete" in settings) return { model: settings, where: "in this process" };
  if ("specificationVersion" in settings)
    return {
      model: resilient(aiSdkModel(settings as AiSdkLanguageModel, { secrets: secretsOf(variables) }), tries),
      where: `AI SDK, ${settings.provider}`,
    };
  const { baseURL, keyFrom, ...rest } = settings;
  if (typeof baseURL !== "string" || typeof rest.model !== "string")
    throw new ConfigError(
      `A model is given as ${JSON.stringify(Object.keys(settings))}: accepted are { baseURL, model }, a model of the AI SDK, a ChatModel, or a name such as "openai:gpt-5-mini".`,
    );
  return endpoint({ ...rest, baseURL, apiKey: keyOf(baseURL, variables, keyFrom) }, variables, tries);
};

const namedModel = async (
  name: string,
  variables: EnvironmentVariables,
  tries: Tries,
): Promise<RemoteModel | undefined> => {
  const [, kind = "", rest = ""] = /^(openai|replay|local):(.+)$/s.exec(name) ?? [];
  const base = variables.AGENTFLOW_BASE_URL || variables.OPENAI_BASE_URL || undefined;
  if (kind === "local") return undefined;
  if (kind === "replay") return { model: await replayModel(rest), where: `recorded in ${rest}` };
  if (kind === "openai") {
    const baseURL = base ?? OPENAI;
    return endpoint({ baseURL, model: rest, apiKey: keyOf(baseURL, variables) }, variables, tries);
  }
  const [, baseURL, model] = /^(https?:\/\/[^#]+)#(.+)$/s.exec(name) ?? [];
  if (baseURL === undefined || model === undefined) return undefined;
  return endpoint({ baseURL, model, apiKey: keyOf(baseURL, variables) }, variables, tries);
};

/** The name of a local model, as a person typed it. */
export const localName = (settings: string): string => settings.replace(/^local:/, "");

/** An endpoint may say what it likes: no key of this environment comes back from it. */
const endpoint = (options: OpenAICompatibleOptions, variables: EnvironmentVariables, tries: Tries): RemoteModel => ({
  model: resilient(openaiCompatible({ ...options, secrets: secretsOf(variables) }), tries),
  where: new URL(options.baseURL).host,
});

/**
 * The key that is sent to an address: that of the variable which was named for it, else the one that belongs to the
 * address. No other address gets it. OpenAI itself needs a key; other endpoints may do without.
 */
const keyOf = (baseURL: string, variables: EnvironmentVariables, named?: string): string | undefined => {
  const variable = named ?? ownerOf(baseURL, variables);
  const key = variable === undefined ? undefined : variables[variable]?.trim();
  if (key !== undefined && key !== "") return key;
  if (variable !== undefined && (named !== undefined || sameAddress(baseURL, OPENAI)))
    throw new ConfigError(
      `The model at ${new URL(baseURL).host} needs a key: set ${variable} in the environment or in .env.`,
    );
  return undefined;
};

/** The variable whose key belongs to an address. */
const ownerOf = (baseURL: string, variables: EnvironmentVariables): string | undefined => {
  if (sameAddress(baseURL, variables.AGENTFLOW_BASE_URL)) return "AGENTFLOW_API_KEY";
  return sameAddress(baseURL, variables.OPENAI_BASE_URL || OPENAI) ? "OPENAI_API_KEY" : undefined;
};

const sameAddress = (one: string, other: string | undefined): boolean =>
  other !== undefined && URL.canParse(one) && URL.canParse(other) && bare(one) === bare(other);

const bare = (address: string): string => new URL(address).href.replace(/(?<!\/)\/+$/, "");
