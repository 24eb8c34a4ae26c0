import { ConfigError, messageOf } from "../errors.ts";
import type { SecretHolder } from "../model.ts";
import type { FlowOptions } from "./flow-options.ts";
import type { FlowParts } from "./loop.ts";

/**
 * The parts of a flow with its secrets taken out, once its first solve asks for them: those of its options and those that
 * its models, modules and tools hold. The search for secrets is loaded only where there are some.
 */
export const withoutSecrets = (
  parts: FlowParts,
  { model, analyst, secrets = [] }: FlowOptions,
): FlowParts | (() => Promise<FlowParts>) => {
  const { planner, executor, verifier, generator, tools } = parts;
  const players = [model, analyst, planner, executor, verifier, generator, ...Object.values(tools)];
  const holders = players.flatMap((player) => (player?.secrets === undefined ? [] : [player as SecretHolder]));
  if (holders.length === 0 && secrets.length === 0) return parts;
  let redacted: Promise<FlowParts> | undefined;
  return () => {
    redacted ??= redactedParts(parts, secrets, holders).catch((cause: unknown) => {
      // The next solve asks again: a store of keys may be back.
      redacted = undefined;
      throw new ConfigError(`The secrets of a model or a tool cannot be had: ${messageOf(cause)}`, { cause });
    });
    return redacted;
  };
};

const redactedParts = async (
  parts: FlowParts,
  own: readonly string[],
  holders: readonly SecretHolder[],
): Promise<FlowParts> => {
  const held = await Promise.all(holders.map((holder) => holder.secrets?.() ?? []));
  const secrets = [...own, ...held.flat()].filter((secret) => typeof secret === "string" && secret !== "");
  return secrets.length === 0 ? parts : (await import("./redaction.ts")).withoutSecrets(parts, secrets);
};
