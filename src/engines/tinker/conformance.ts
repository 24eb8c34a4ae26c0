import { messageOf } from "../../errors.ts";
import { checked } from "../../options.ts";
import { type BareClient, bareClient, type ScratchModel } from "./bare-client.ts";
import { modelAt } from "./capabilities.ts";
import { orderRules } from "./conformance-order.ts";
import { samplingRules } from "./conformance-sampling.ts";
import { trainingRules } from "./conformance-training.ts";
import type { Rule } from "./conformance-trial.ts";
import { type ProbeOptions, probeRules } from "./probe.ts";
import { httpTransport } from "./transport.ts";

/** One row of the protocol, and whether a server keeps it. */
export interface ConformanceRow {
  readonly rule: string;
  readonly kept: boolean;
  /** What it did instead; empty when the rule is kept. */
  readonly found: string;
}

export interface ConformanceReport {
  readonly url: string;
  readonly model: string;
  readonly rows: readonly ConformanceRow[];
}

const RULES: readonly Rule[] = [...trainingRules, ...orderRules, ...samplingRules];

/**
 * Holds a server to the rules of the Tinker API, one by one, on models that it unloads, checkpoints included. Rules that
 * are broken are in the report. Throws `ConfigError` for a model that it does not have or a wrong key, `EngineError` when
 * there is nothing to test.
 *
 * @example
 * ```ts
 * import { checkConformance } from "agentflow/engines/tinker";
 *
 * const { rows } = await checkConformance({ url: "http://127.0.0.1:8210", apiKey: "tml-secret" });
 * console.log(rows.filter(({ kept }) => !kept));
 * ```
 */
export const checkConformance = async (options: ProbeOptions): Promise<ConformanceReport> => {
  const { url, apiKey } = checked("checkConformance", options, probeRules);
  const sockets = options.transport === undefined ? httpTransport(url) : undefined;
  try {
    const transport = options.transport ?? sockets ?? httpTransport(url);
    const base = await modelAt(bareClient(transport, apiKey, ""), url, options.model);
    const client = bareClient(transport, apiKey, base);
    const rows: ConformanceRow[] = [];
    for (const [rule, check] of RULES) rows.push({ rule, ...(await keeps(client, base, check)) });
    return { url, model: base, rows };
  } finally {
    sockets?.close();
  }
};

const keeps = async (client: BareClient, base: string, check: Rule[1]): Promise<Omit<ConformanceRow, "rule">> => {
  const models: ScratchModel[] = [];
  try {
    const session = await client.session();
    const model = async (): Promise<ScratchModel> => {
      const made = await client.model(session, models.length);
      models.push(made);
      return made;
    };
    await check({ client, base, session, model });
    return { kept: true, found: "" };
  } catch (error) {
    return { kept: false, found: messageOf(error) };
  } finally {
    // What a server does not delete is not what is checked here.
    for (const { id } of models) await client.sweep(id).catch(() => undefined);
  }
};
