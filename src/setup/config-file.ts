import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type AgentFlowConfig, configRule } from "../config.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { name, required } from "../options.ts";
import { codeFolder, packageFolder } from "../package-folder.ts";
import { placeOf, settledWithin } from "../settled-within.ts";

/** A configuration and the file that it came from. */
export interface LoadedConfig {
  readonly config: AgentFlowConfig;
  readonly path: string;
  /** Of the file's text. */
  readonly hash: string;
}

/** What a configuration may take to load: it may start servers. */
const LOAD_SECONDS = 60;

/** Where `agentflow` and its parts lie for a configuration: those of the command that reads it, installed or not. */
const own = (): Record<string, string> => {
  const extension = codeFolder.pathname.endsWith("/src/") ? ".ts" : ".js";
  const manifest = readFileSync(new URL("package.json", packageFolder), "utf8");
  const { exports } = JSON.parse(manifest) as { readonly exports: Readonly<Record<string, unknown>> };
  // The whole package comes last: its name begins the names of all parts.
  const parts = Object.keys(exports).sort((a, b) => b.length - a.length);
  return Object.fromEntries(
    parts.map((part) => [
      part.replace(".", "agentflow"),
      fileURLToPath(new URL(`${part}/index${extension}`, codeFolder)),
    ]),
  );
};

/**
 * The SHA-256 of a configuration's text, without running it. Throws `ConfigError` where there is none.
 *
 * @example
 * ```ts
 * import { hashOfConfig } from "agentflow/setup";
 *
 * console.log(await hashOfConfig("agentflow.config.ts"));
 * ```
 */
export const hashOfConfig = async (file: string): Promise<string> => {
  const text = await readFile(file).catch((cause: Error) => {
    throw new ConfigError(`Cannot read the configuration ${file}: ${cause.message}`, { cause });
  });
  return createHash("sha256").update(text).digest("hex");
};

/** Names under which a configuration is found by itself. */
const CONFIG_NAMES = ["ts", "mts", "js", "mjs"].map((extension) => `agentflow.config.${extension}`);

/**
 * The configuration of the project in a folder; undefined where there is none.
 *
 * @example
 * ```ts
 * import { configIn } from "agentflow/setup";
 *
 * console.log(configIn(process.cwd()) ?? "no project here");
 * ```
 */
export const configIn = (folder: string): string | undefined => {
  required(name)(folder, "configIn: the folder");
  return CONFIG_NAMES.map((file) => (folder === "." ? file : join(folder, file))).find((file) => existsSync(file));
};

/**
 * Reads `agentflow.config.ts` (or .js, .mjs), TypeScript without a build step. Throws `ConfigError`.
 *
 * @example
 * ```ts
 * import { loadConfig } from "agentflow/setup";
 *
 * const { config } = await loadConfig("agentflow.config.ts");
 * console.log(Object.keys(config.tools ?? {}));
 * ```
 */
export const loadConfig = async (file: string): Promise<LoadedConfig> => {
  const path = resolve(file);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new ConfigError(
      `There is no configuration ${file}. Run agentflow init to make a project, or name the file: --config agentflow.config.ts.`,
    );
  const { createJiti } = await import("jiti");
  // Nothing is kept on the disk: what is read is what stands in the files.
  const jiti = createJiti(`${dirname(path)}/`, { alias: own(), fsCache: false });
  let config: unknown;
  try {
    config = await settledWithin(LOAD_SECONDS, `Loading ${file}`, () => jiti.import(path, { default: true }));
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const said = messageOf(cause).replace(/\nRequire stack:.*$/s, "");
    throw new ConfigError(`${file} cannot be loaded: ${said}${placeOf(cause)}`, { cause });
  }
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new ConfigError(
      `${file} exports ${config === null ? "null" : typeof config}; it must have a default export made by defineConfig({ tools, tasks }).`,
    );
  if ("__esModule" in config)
    throw new ConfigError(
      `${file} exports ${Object.keys(config).join(", ") || "nothing"} and has no default export: it must have one made by defineConfig({ tools, tasks }).`,
    );
  configRule(config, file);
  return {
    config: config as AgentFlowConfig,
    path,
    hash: createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  };
};
