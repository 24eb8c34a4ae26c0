import type { ModelSettings } from "../config.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import {
  type AiSdkLanguageModel,
  aiSdkModel,
  type OpenAICompatibleOptions,
  openaiCompatible,
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

const OPENAI = "https://api.openai.com/v1";
const KEY = "OPENAI_API_KEY";

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
): Promise<RemoteModel | undefined> => {
  if (typeof settings === "string") return namedModel(settings, variables);
  if ("complete" in settings) return { model: settings, where: "in this process" };
  if ("specificationVersion" in settings)
    return {
      model: resilient(aiSdkModel(settings as AiSdkLanguageModel, { secrets: secretsOf(variables) })),
      where: `AI SDK, ${settings.provider}`,
    };
  const { baseURL, keyFrom = KEY, ...rest } = settings;
  if (typeof baseURL !== "string" || typeof rest.model !== "string")
    throw new ConfigError(
      `A model is given as ${JSON.stringify(Object.keys(settings))}: accepted are { baseURL, model }, a model of the AI SDK, a ChatModel, or a name such as "openai:gpt-5-mini".`,
    );
  return endpoint({ ...rest, baseURL, apiKey: keyOf(keyFrom, baseURL, variables) }, variables);
};

const namedModel = async (name: string, variables: EnvironmentVariables): Promise<RemoteModel | undefined> => {
  const [, kind = "", rest = ""] = /^(openai|replay|local):(.+)$/s.exec(name) ?? [];
  const base = variables.AGENTFLOW_BASE_URL ?? variables.OPENAI_BASE_URL;
  if (kind === "local") return undefined;
  if (kind === "replay") return { model: await replayModel(rest), where: `recorded in ${rest}` };
  if (kind === "openai") {
    const baseURL = base ?? OPENAI;
    return endpoint({ baseURL, model: rest, apiKey: keyOf(KEY, baseURL, variables) }, variables);
  }
  const [, baseURL, model] = /^(https?:\/\/[^#]+)#(.+)$/s.exec(name) ?? [];
  if (baseURL === undefined || model === undefined) return undefined;
  return endpoint({ baseURL, model, apiKey: variables[KEY] }, variables);
};

/** The name of a local model, as a person typed it. */
export const localName = (settings: string): string => settings.replace(/^local:/, "");

/** An endpoint may say what it likes: no key of this environment comes back from it. */
const endpoint = (options: OpenAICompatibleOptions, variables: EnvironmentVariables): RemoteModel => ({
  model: resilient(openaiCompatible({ ...options, secrets: secretsOf(variables) })),
  where: new URL(options.baseURL).host,
});

/** OpenAI itself needs a key; other endpoints may do without. */
const keyOf = (variable: string, baseURL: string, variables: EnvironmentVariables): string | undefined => {
  const key = variables[variable];
  if (key !== undefined && key !== "") return key;
  if (baseURL.startsWith(OPENAI) || variable !== KEY)
    throw new ConfigError(
      `The model at ${new URL(baseURL).host} needs a key: set ${variable} in the environment or in .env.`,
    );
  return undefined;
};
