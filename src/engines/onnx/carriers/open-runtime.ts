import { ConfigError, EngineError, messageOf } from "../../../errors.ts";
import { openNativeRuntime } from "./ort-native.ts";
import { openWebRuntime } from "./ort-web.ts";
import type { Runtime } from "./runtime.ts";

const carriers = ["native", "wasm"] as const;
export type Carrier = (typeof carriers)[number];

export interface OpenRuntimeOptions {
  /** @default AGENTFLOW_RUNTIME, else native, and WebAssembly where the native one is missing */
  readonly carrier?: Carrier;
  readonly threads?: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Gets, once a process, the words that the slower carrier is used. @default a warning of the process */
  readonly notice?: (text: string) => void;
  /** How the native carrier is opened. @default openNativeRuntime */
  readonly openNative?: (options: { readonly threads?: number }) => Runtime;
  /** How the slower carrier is opened. @default openWebRuntime */
  readonly openWeb?: (options: { readonly threads?: number }) => Promise<Runtime>;
}

let said = false;

/** Opens the carrier that was asked for, or the fastest that there is. Throws `ConfigError` for one that does not exist. */
export const openRuntime = async ({
  threads,
  environment = process.env,
  carrier = asked(environment),
  notice = (text) => process.emitWarning(text),
  openNative = openNativeRuntime,
  openWeb = openWebRuntime,
}: OpenRuntimeOptions = {}): Promise<Runtime> => {
  const options = threads === undefined ? {} : { threads };
  let why = "it was asked for";
  if (carrier !== "wasm") {
    try {
      return openNative(options);
    } catch (cause) {
      // Who asked for the native carrier by name wants to know what is wrong with it.
      if (carrier === "native" || !(cause instanceof EngineError)) throw cause;
      why = messageOf(cause);
    }
  }
  const runtime = await openWeb(options).catch((cause: unknown) => {
    if (carrier === "wasm") throw cause;
    throw new ConfigError(`The native runtime cannot be used: ${why} Nor can WebAssembly: ${messageOf(cause)}`, {
      cause,
    });
  });
  if (!said) notice(`Models run on WebAssembly, several times slower than the native runtime: ${why}`);
  said = true;
  return runtime;
};

const asked = ({ AGENTFLOW_RUNTIME: name }: Readonly<Record<string, string | undefined>>): Carrier | undefined => {
  if (name === undefined || name === "") return undefined;
  const found = carriers.find((carrier) => carrier === name);
  if (found === undefined)
    throw new ConfigError(`AGENTFLOW_RUNTIME is "${name}": accepted are ${carriers.join(" and ")}.`);
  return found;
};
