import { ConfigError, EngineError, messageOf } from "../../../errors.ts";
import { GGUF_ARCHITECTURES } from "./gguf-file.ts";
import { type HubRequest, UnreachableError } from "./hub-client.ts";
import type { PulledAbout } from "./model-cache.ts";

/**
 * What the first bytes of a GGUF file on a server say of it, without the rest. Throws `ConfigError` for an architecture
 * that the engine does not compute.
 */
export const remoteGgufFacts = async (
  url: string,
  request: HubRequest,
): Promise<Pick<PulledAbout, "architecture" | "parameters">> => {
  const { gguf } = await import("@huggingface/gguf").catch((cause) => {
    throw new EngineError(
      `Pulling a GGUF file needs the npm package @huggingface/gguf (${messageOf(cause)}). Run: npm install @huggingface/gguf`,
      { cause },
    );
  });
  // The library asks for a range and would take a whole file for one.
  const ranged = (async (address: string, { headers }: RequestInit) => {
    const response = await request(address, { headers: { ...(headers as Record<string, string>) } });
    if (response.status === 206) return response;
    await response.body?.cancel();
    throw new UnreachableError(`${new URL(url).origin} gives no parts of files, so a GGUF file cannot be looked into.`);
  }) as typeof fetch;
  const { metadata, parameterCount } = await gguf(url, { fetch: ranged, computeParametersCount: true });
  const architecture = String(metadata["general.architecture"]);
  if (!GGUF_ARCHITECTURES.has(architecture))
    throw new ConfigError(
      `${url.slice(url.lastIndexOf("/") + 1)} has the architecture "${architecture}", which is not supported; supported are ${[...GGUF_ARCHITECTURES.keys()].join(", ")}.`,
    );
  return { architecture, parameters: parameterCount };
};
