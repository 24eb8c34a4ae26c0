import { ConfigError, StoreError } from "../../../errors.ts";
import { optionalPackage } from "../../../optional-package.ts";
import { GGUF_ARCHITECTURES } from "./gguf-file.ts";
import { boundedReply, type HubRequest, UnreachableError } from "./hub-client.ts";
import type { PulledAbout } from "./model-cache.ts";

/** Parts of a file that are asked for until its header ends, and bytes of each: the library asks for two megabytes. */
const MAX_PARTS = 40;
const MAX_PART_BYTES = 2_500_000;

/**
 * What the first bytes of a GGUF file on a server say of it, without the rest. Throws `ConfigError` for an architecture
 * that the engine does not compute.
 */
export const remoteGgufFacts = async (
  url: string,
  request: HubRequest,
): Promise<Pick<PulledAbout, "architecture" | "parameters">> => {
  const { gguf } = await optionalPackage("@huggingface/gguf", () => import("@huggingface/gguf"));
  // The library asks for a range and would take a whole file for one.
  let parts = 0;
  const ranged = (async (address: string, { headers }: RequestInit) => {
    parts += 1;
    if (parts > MAX_PARTS)
      throw new StoreError(
        `The header of ${url.slice(url.lastIndexOf("/") + 1)} has no end within ${MAX_PARTS} parts.`,
      );
    const response = await request(address, { headers: { ...(headers as Record<string, string>) } });
    if (response.status === 206) {
      const { status, headers: replied } = response;
      return new Response(new Uint8Array(await boundedReply(response, MAX_PART_BYTES)), { status, headers: replied });
    }
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
