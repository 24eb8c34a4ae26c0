import { openTinkerEngine, probeServer } from "../engines/tinker/index.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { defined } from "../options.ts";
import { findPlayers } from "./local-model.ts";
import { modelTexts } from "./worker-texts.ts";

export interface RemotePlannerOptions {
  /** A server of the Tinker API, without `/api/v1`. */
  readonly engine: string;
  /** Longest sequence. @default what the server says, at most 4096 */
  readonly context?: number | undefined;
}

/**
 * A planner that is sampled and trained at a server of the Tinker API, which has the model under the same name; here only
 * its tokenizer is read. What the server does where the protocol leaves it open is found out first. Throws `ConfigError`
 * when the key (`TINKER_API_KEY`) is missing, or when nothing should be trained there.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learn } from "agentflow/learn";
 * import { remotePlanner } from "agentflow/setup";
 *
 * const planner = remotePlanner("agentflow-tiny", { engine: "http://127.0.0.1:8210" }, process.env);
 * const run = learn({ environment: almanac(), planner, folder: "runs", seed: 7 });
 * ```
 */
export const remotePlanner = (
  name: string,
  { engine: url, context }: RemotePlannerOptions,
  { TINKER_API_KEY: apiKey }: EnvironmentVariables,
): PlannerSource => ({
  name,
  record: { engine: url, ...defined({ context }) },
  open: async () => {
    if (apiKey === undefined || apiKey === "")
      throw new ConfigError(
        `The key of ${url} is missing: set TINKER_API_KEY, or any text for a server that needs none.`,
      );
    const { dialect } = await probeServer({ url, apiKey, model: name });
    if (dialect === undefined)
      throw new ConfigError(
        `Nothing should be trained at ${url}: its gradients are not those that are asked for (agentflow engine probe ${url}).`,
      );
    const { adapters: _, model: __, ...players } = await findPlayers(name);
    const { tokenizer, chat, endIds } = await modelTexts(name);
    const engine = await openTinkerEngine({
      url,
      apiKey,
      model: name,
      tokenizer,
      chat,
      endIds,
      dialect,
      contextLength: context,
    });
    // A model that is trained at a server is large enough to read what tools are for.
    return { engine, ...(chat !== undefined && { prompt: "chat" }), ...players };
  },
});
