import type { ModelSettings } from "../config.ts";
import { ConfigError } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import { type AiSdkLanguageModel, aiSdkModel, openaiCompatible, replayModel, resilient } from "../models/index.ts";

/** Variables of the environment, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

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
 */
export const remoteModel = async (
  settings: ModelSettings,
  environment: Environment,
): Promise<RemoteModel | undefined> => {
  if (typeof settings === "string") return namedModel(settings, environment);
  if ("complete" in settings) return { model: settings, where: "in this process" };
  if ("specificationVersion" in settings)
    return {
      model: resilient(aiSdkModel(settings as AiSdkLanguageModel)),
      where: `AI SDK, ${settings.provider}`,
    };
  const { baseURL, keyFrom = KEY, ...rest } = settings;
  if (typeof baseURL !== "string" || typeof rest.model !== "string")
    throw new ConfigError(
      `A model is given as ${JSON.stringify(Object.keys(settings))}: accepted are { baseURL, model }, a model of the AI SDK, a ChatModel, or a name such as "openai:gpt-5-mini".`,
    );
  return endpoint({ ...rest, baseURL, apiKey: keyOf(keyFrom, baseURL, environment) });
};

const namedModel = async (name: string, environment: Environment): Promise<RemoteModel | undefined> => {
  const [, kind = "", rest = ""] = /^(openai|replay|local):(.+)$/s.exec(name) ?? [];
  const base = environment.AGENTFLOW_BASE_URL ?? environment.OPENAI_BASE_URL;
  if (kind === "local") return undefined;
  if (kind === "replay") return { model: await replayModel(rest), where: `recorded in ${rest}` };
  if (kind === "openai") {
    const baseURL = base ?? OPENAI;
    return endpoint({ baseURL, model: rest, apiKey: keyOf(KEY, baseURL, environment) });
  }
  const [, baseURL, model] = /^(https?:\/\/[^#]+)#(.+)$/s.exec(name) ?? [];
  if (baseURL === undefined || model === undefined) return undefined;
  return endpoint({ baseURL, model, apiKey: environment[KEY] });
};

/** The name of a local model, as a person typed it. */
export const localName = (settings: string): string => settings.replace(/^local:/, "");

const endpoint = (options: Parameters<typeof openaiCompatible>[0]): RemoteModel => ({
  model: resilient(openaiCompatible(options)),
  where: new URL(options.baseURL).host,
});

/** OpenAI itself needs a key; other endpoints may do without. */
const keyOf = (variable: string, baseURL: string, environment: Environment): string | undefined => {
  const key = environment[variable];
  if (key !== undefined && key !== "") return key;
  if (baseURL.startsWith(OPENAI) || variable !== KEY)
    throw new ConfigError(
      `The model at ${new URL(baseURL).host} needs a key: set ${variable} in the environment or in .env.`,
    );
  return undefined;
};

/** Values of the environment that must not appear anywhere: keys, tokens, passwords. */
export const secretsOf = (environment: Environment): string[] =>
  Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && /(?:_|^)(?:KEY|TOKEN|SECRET|PASSWORD)$/i.test(name) && value.length >= 6 ? [value] : [],
  );
