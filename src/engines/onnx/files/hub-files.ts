import { ConfigError, StoreError } from "../../../errors.ts";
import { isRecord } from "./fields.ts";
import type { RemoteFile, RemoteRepo } from "./hub-client.ts";

/** The weights of a folder are one file, or those that the index lists. */
export const SINGLE = "model.safetensors";
export const INDEX = "model.safetensors.index.json";

/** What an engine reads beside the weights. */
const SMALL =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|chat_template)\.json$|^chat_template\.jinja$/;
/** A file beyond this is not a text file. */
const MAX_SMALL_BYTES = 200_000_000;
const MAX_SHOWN = 30;

const isGguf = ({ path }: RemoteFile): boolean => /\.gguf$/i.test(path);

/** The last part of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Whether a path has the parts of a pattern, which `*` sets apart, one after another. */
const hasParts = (path: string, pattern: string): boolean => {
  const whole = path.toLowerCase();
  let at = 0;
  for (const part of pattern.toLowerCase().split("*")) {
    const found = whole.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
};

const shown = (files: readonly RemoteFile[]): string =>
  files
    .slice(0, MAX_SHOWN)
    .map(({ path, size }) => `${path} (${Math.ceil(size / 1e6)} MB)`)
    .join(", ");

/**
 * The one GGUF file that is meant: the one that is asked for by its name or a part of it (`*` stands for anything), or
 * the only one of a repository without safetensors. Throws `ConfigError` that lists the choice.
 */
export const chooseGguf = ({ repo, files }: RemoteRepo, asked: string | undefined): RemoteFile | undefined => {
  const all = files.filter(isGguf);
  const hasFolder = files.some(({ path }) => path === SINGLE || path === INDEX);
  if (asked === undefined && (hasFolder || all.length === 0)) return undefined;
  const exact = all.filter(({ path }) => path === asked || baseName(path) === asked);
  const fitting = exact.length > 0 ? exact : all.filter(({ path }) => hasParts(path, asked ?? ""));
  const [first, ...others] = fitting;
  if (first === undefined)
    throw new ConfigError(
      `${repo} has no GGUF file like "${asked}"${all.length === 0 ? "." : `: there are ${shown(all)}.`}`,
    );
  if (others.length > 0)
    throw new ConfigError(`${repo} has ${fitting.length} such GGUF files; choose one by --gguf: ${shown(fitting)}.`);
  if (/-\d{5}-of-\d{5}\.gguf$/i.test(first.path))
    throw new ConfigError(
      `${first.path} is a part of a split GGUF file, which is not supported: accepted is one file.`,
    );
  return first;
};

/** Files of settings, tokenizer and template. Throws `StoreError` for one of an impossible size. */
export const chooseSmall = ({ repo, files }: RemoteRepo): RemoteFile[] => {
  const small = files.filter(({ path }) => SMALL.test(path));
  const large = small.find(({ size }) => size > MAX_SMALL_BYTES);
  if (large !== undefined)
    throw new StoreError(`${large.path} of ${repo} has ${large.size} bytes; accepted are ${MAX_SMALL_BYTES}.`);
  return small;
};

/** The file of a name at the top of a repository. Throws `ConfigError` without it. */
export const fileNamed = ({ repo, files }: RemoteRepo, name: string, what: string): RemoteFile => {
  const file = files.find(({ path }) => path === name);
  if (file === undefined) throw new ConfigError(`${repo} has no ${name}: ${what}.`);
  return file;
};

/** The files that an index lists. Throws `StoreError` for a name that is not a file beside it. */
export const chooseShards = ({ repo, files }: RemoteRepo, index: unknown): RemoteFile[] => {
  const map = isRecord(index) && isRecord(index.weight_map) ? index.weight_map : {};
  const names = [...new Set(Object.values(map))].sort();
  if (names.length === 0) throw new StoreError(`${INDEX} of ${repo} lists no file.`);
  return names.map((name) => {
    const file = files.find(({ path }) => path === name);
    if (file === undefined || !/^[\w-][\w.-]*\.safetensors$/.test(file.path))
      throw new StoreError(`${INDEX} of ${repo} names ${JSON.stringify(name)}; accepted are *.safetensors beside it.`);
    return file;
  });
};
