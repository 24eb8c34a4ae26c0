import { readFileSync } from "node:fs";
import { ConfigError, messageOf } from "./errors.ts";
import { packageFolder } from "./package-folder.ts";

/** The package with the library that models run on here; in a checkout it is part of onnxruntime-node. */
export const RUNTIME = `@agentflow/runtime-${process.platform}-${process.arch}`;

/** Features and the optional packages they need: one command installs all the packages of a feature. */
const features: Readonly<Record<string, readonly string[]>> = {
  "Using published models": ["@huggingface/hub", "@huggingface/gguf", "@huggingface/jinja", "re2js"],
  "Fetching web pages": ["undici", "ipaddr.js", "linkedom", "@mozilla/readability", "turndown", "unpdf"],
  "Reading CSV files": ["papaparse"],
  "Reading Parquet files": ["hyparquet", "hyparquet-compressors"],
  "Connecting to MCP servers": ["@modelcontextprotocol/client"],
  "Serving MCP": ["@modelcontextprotocol/server"],
  "Workers on other machines": ["@nats-io/transport-node"],
  "Running Python on Pyodide": ["pyodide"],
  "Installing Python for WASI": ["fflate"],
  "Running models natively": [RUNTIME, "koffi"],
  "Running models on WebAssembly": ["onnxruntime-web"],
  "Querying runs on Node.js before 22.16": ["libsql"],
  "Drawing charts as PNG": ["@resvg/resvg-js"],
};

/** The ranges that the manifest accepts, by name. */
const acceptedRanges = (): Readonly<Record<string, string>> => {
  const manifest = JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8")) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  return { ...manifest.optionalDependencies, ...manifest.peerDependencies };
};

/** The feature of a package and the packages that the feature needs. */
const featureOf = (name: string): readonly [feature: string, packages: readonly string[]] =>
  Object.entries(features).find(([, packages]) => packages.includes(name)) ?? ["This feature", [name]];

/** The command that installs a package and the others its feature needs, in the versions AgentFlow is tested with. */
export const installCommand = (name: string): string => {
  const ranges = acceptedRanges();
  const [, packages] = featureOf(name);
  const named = packages.map((each) => (each === RUNTIME && ranges[each] === undefined ? "onnxruntime-node" : each));
  const versions = named.map((each) => {
    const range = ranges[each];
    return range === undefined ? each : `${each}@${range.replace(/^\^/, "")}`;
  });
  return `npm install ${versions.join(" ")}`;
};

const isAbsent = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && /^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(cause.code));

/** The error of a package that cannot be loaded: which feature needs it, and the command that installs it. */
export const missingPackage = (name: string, cause: unknown): ConfigError => {
  const [feature] = featureOf(name);
  const range = acceptedRanges()[name];
  const accepted = range === undefined ? name : `${name} (${range})`;
  const fault = isAbsent(cause) ? "which is not installed" : `which cannot be loaded: ${messageOf(cause)}`;
  return new ConfigError(`${feature} needs the npm package ${accepted}, ${fault}. Run: ${installCommand(name)}`, {
    cause,
  });
};

/**
 * Loads a package that is an optional peer of AgentFlow: `optionalPackage("undici", () => import("undici"))`. Throws the
 * `ConfigError` of `missingPackage` where it cannot be loaded.
 */
export const optionalPackage = async <Module>(name: string, load: () => Module | Promise<Module>): Promise<Module> => {
  try {
    return await load();
  } catch (cause) {
    throw missingPackage(name, cause);
  }
};
