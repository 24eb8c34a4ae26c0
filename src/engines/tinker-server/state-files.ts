import { createHash, randomUUID } from "node:crypto";
import { open as openToRead, readdir, readFile, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, StoreError } from "../../errors.ts";
import { link, open, remove, rename, sync, syncFolder, write } from "../../files/file-calls.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { Refusal } from "./refusal.ts";

/** Training states, to continue from, or weights to sample. */
export type StateKind = "weights" | "sampler_weights";

/** A low-rank adapter as the protocol names it; undefined for a model of which all weights are trained. */
export interface LoraRequest {
  readonly rank: number;
  readonly seed: number;
  readonly trainMlp: boolean;
  readonly trainAttention: boolean;
}

/** What is known of a state besides its bytes. */
export interface StateAbout {
  readonly base: string;
  readonly lora: LoraRequest | undefined;
  /** When it was saved, as ISO 8601. */
  readonly time: string;
}

export interface StoredState extends StateAbout {
  readonly kind: StateKind;
  readonly name: string;
  readonly bytes: number;
}

/** The states of a model. */
export interface StoredStates {
  readonly whole: readonly StoredState[];
  /** Paths of those whose beginning cannot be read. */
  readonly damaged: readonly string[];
}

export interface LoadedState {
  readonly state: Uint8Array;
  readonly about: StateAbout;
  readonly sha256: string;
}

/** States on the disk, `<model>/<kind>/<name>`: each is one file, whole or not there. */
export interface StateFiles {
  /** Replaces what is there. Returns the SHA-256 of the state. */
  save(model: string, kind: StateKind, name: string, state: Uint8Array, about: StateAbout): Promise<string>;
  /** Throws `Refusal` when there is none, or with `sha256` none with these bytes; `StoreError` when it is damaged. */
  load(model: string, kind: StateKind, name: string, sha256?: string): Promise<LoadedState>;
  /** Keeps the state of a name for whoever loads it by its hash when another one gets the name. Returns the hash. */
  setAside(model: string, kind: StateKind, name: string): Promise<string>;
  /** Removes what was set aside. */
  removeAside(model: string, kind: StateKind, sha256: string): Promise<void>;
  has(model: string, kind: StateKind, name: string): Promise<boolean>;
  remove(model: string, kind: StateKind, name: string): Promise<void>;
  /** Those of which there is a state, damaged or not. */
  models(): Promise<readonly string[]>;
  list(model: string): Promise<StoredStates>;
}

const KINDS: readonly StateKind[] = ["weights", "sampler_weights"];
const NAME = /^[a-zA-Z0-9_-]{1,255}$/;
const NEW_LINE = 10;
/** Half a character: no text has one, and no file. */
const LONE = /\p{Surrogate}/u;

export const pathOf = (model: string, kind: StateKind, name: string): string => `tinker://${model}/${kind}/${name}`;

/** Takes a path of the protocol apart. Throws `Refusal`. */
export const parsePath = (
  path: string,
): { readonly model: string; readonly kind: StateKind; readonly name: string } => {
  const [, model = "", kind, name = ""] = /^tinker:\/\/([^/]+)\/(weights|sampler_weights)\/([^/]+)$/.exec(path) ?? [];
  if (kind === undefined || !NAME.test(name) || LONE.test(model))
    throw new Refusal(
      `${JSON.stringify(path.slice(0, 100))} is not a checkpoint: accepted are tinker://<model>/weights/<name> and tinker://<model>/sampler_weights/<name>.`,
    );
  return { model, kind: kind as StateKind, name };
};

/** Throws `Refusal` for a name that a file cannot have. */
export const requireName = (name: string): string => {
  if (!NAME.test(name))
    throw new Refusal(
      `${JSON.stringify(name.slice(0, 100))} cannot name a checkpoint: accepted are letters, digits, _ and -, up to 255.`,
    );
  return name;
};

/** A folder of a model's own, whatever it is called. */
const folderNameOf = (model: string): string =>
  /^\.+$/.test(model) ? model.replaceAll(".", "%2E") : encodeURIComponent(model);

/** Undefined for a folder that belongs to no model. */
const modelOf = (folder: string): string | undefined => {
  try {
    const model = decodeURIComponent(folder);
    return folderNameOf(model) === folder ? model : undefined;
  } catch {
    return undefined;
  }
};

export const stateFiles = (root: string): StateFiles => {
  const folderOf = (model: string, kind: StateKind): string => join(root, folderNameOf(model), kind);
  const statesOf = async (model: string, kind: StateKind): Promise<readonly string[]> =>
    (await namesIn(folderOf(model, kind))).filter((name) => NAME.test(name));
  const fileOf = (model: string, kind: StateKind, name: string): string =>
    join(folderOf(model, kind), requireName(name));
  const asideOf = (model: string, kind: StateKind, sha256: string): string =>
    join(folderOf(model, kind), `.aside-${sha256}`);
  const load: StateFiles["load"] = async (model, kind, name, wanted) => {
    const named = await readState(fileOf(model, kind, name));
    if (named !== undefined && (wanted ?? named.sha256) === named.sha256) return named;
    const aside = wanted === undefined ? undefined : await readState(asideOf(model, kind, wanted));
    if (aside !== undefined) return aside;
    const path = pathOf(model, kind, name);
    throw new Refusal(
      wanted === undefined
        ? `There is no checkpoint ${path}.`
        : `The snapshot ${path} is not kept any more: open a sampling session of a newer one.`,
      404,
    );
  };
  return {
    load,
    save: async (model, kind, name, state, about) => {
      const file = fileOf(model, kind, name);
      const sha256 = sha256Of(state);
      // Not by the name, which may be as long as a file's can be.
      const draft = join(dirname(file), `.draft-${randomUUID()}`);
      await makeFolder(dirname(file));
      const handle = await open(draft, "w");
      try {
        await write(handle, `${JSON.stringify({ schemaVersion: 1, sha256, ...about })}\n`);
        await write(handle, state);
        await sync(handle);
        await handle.close();
        await rename(draft, file);
      } catch (error) {
        await handle.close();
        await remove(draft);
        throw error;
      }
      await syncFolder(dirname(file));
      return sha256;
    },
    setAside: async (model, kind, name) => {
      const file = fileOf(model, kind, name);
      const { sha256 } = headOf(file, await firstLineOf(file));
      await link(file, asideOf(model, kind, sha256)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      });
      return sha256;
    },
    removeAside: (model, kind, sha256) => remove(asideOf(model, kind, sha256)),
    has: (model, kind, name) =>
      stat(fileOf(model, kind, name)).then(
        () => true,
        () => false,
      ),
    remove: async (model, kind, name) => {
      await remove(fileOf(model, kind, name));
      // A model without checkpoints is no training run any more; a folder that still holds some stays.
      for (const folder of [folderOf(model, kind), dirname(folderOf(model, kind))])
        await rmdir(folder).catch(() => undefined);
    },
    models: async () => {
      const found: string[] = [];
      for (const folder of await namesIn(root)) {
        const model = modelOf(folder);
        if (model === undefined) continue;
        const states = await Promise.all(KINDS.map((kind) => statesOf(model, kind)));
        if (states.some(({ length }) => length > 0)) found.push(model);
      }
      return found;
    },
    list: async (model) => {
      const whole: StoredState[] = [];
      const damaged: string[] = [];
      for (const kind of KINDS)
        for (const name of await statesOf(model, kind)) {
          const state = await storedIn(fileOf(model, kind, name), kind, name);
          if (state === "damaged") damaged.push(pathOf(model, kind, name));
          else if (state !== undefined) whole.push(state);
        }
      return { whole, damaged };
    },
  };
};

/** Undefined when there is no file. Throws `StoreError` when it is damaged. */
const readState = async (file: string): Promise<LoadedState | undefined> => {
  const whole = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(cause.code ?? "")) return undefined;
    throw new StoreError(`Cannot read ${file}: ${messageOf(cause)}`, { cause });
  });
  if (whole === undefined) return undefined;
  const end = whole.indexOf(NEW_LINE);
  const { sha256, ...about } = headOf(file, whole.subarray(0, Math.max(0, end)));
  const state = new Uint8Array(whole.subarray(end + 1));
  const found = sha256Of(state);
  if (found !== sha256)
    throw new StoreError(`${file} is damaged: its hash is ${found.slice(0, 12)}, not ${sha256.slice(0, 12)}.`);
  return { state, about, sha256 };
};

const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).then(
    (names) => names.sort(),
    () => [],
  );

/** Undefined when it is gone by now. */
const storedIn = async (file: string, kind: StateKind, name: string): Promise<StoredState | "damaged" | undefined> => {
  try {
    const { base, lora, time } = headOf(file, await firstLineOf(file));
    return { base, lora, time, kind, name, bytes: (await stat(file)).size };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : "damaged";
  }
};

/** As much of a file as its first line can be. */
const firstLineOf = async (file: string): Promise<Uint8Array> => {
  const handle = await openToRead(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(4096), 0, 4096, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(NEW_LINE);
    return buffer.subarray(0, Math.max(0, end));
  } finally {
    await handle.close();
  }
};

/** The first line of a state's file. Throws `StoreError` for what we did not write. */
const headOf = (file: string, line: Uint8Array): StateAbout & { readonly sha256: string } => {
  try {
    const head = JSON.parse(new TextDecoder().decode(line)) as StateAbout & { schemaVersion: number; sha256: string };
    if (
      head.schemaVersion === 1 &&
      typeof head.sha256 === "string" &&
      typeof head.base === "string" &&
      typeof head.time === "string"
    ) {
      const { sha256, base, lora, time } = head;
      return { sha256, base, lora, time };
    }
  } catch {
    // It is not ours either.
  }
  throw new StoreError(`${file} does not begin as a checkpoint does: it is damaged, or another program's.`);
};
