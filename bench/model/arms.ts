import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type LineProcess, NotThere, python, startLines } from "../../scripts/check-models/lines.ts";

/** Somebody who is measured, in a process of his own. */
export interface Arm {
  readonly name: string;
  /** Starts it; throws `NotThere` when something is not installed. */
  start(): Promise<LineProcess>;
  /** The line that would add it. */
  readonly install: string;
}

export interface ArmOptions {
  /** GGUF file or Hugging Face folder. */
  readonly model: string;
  readonly threads: number;
  /** Where quantised files for llama.cpp are kept. */
  readonly cache: string;
  /** Where node-llama-cpp is installed. @default NODE_PATH, or the current folder */
  readonly nodeLlamaCpp?: string;
}

export const defaultCache = (): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "agentflow-bench");

const beside = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** A file of the model as llama.cpp quantises it, made once. */
const quantised = async ({ model, cache }: ArmOptions, kind: "Q8_0" | "Q4_0"): Promise<string> => {
  const path = resolve(model);
  const { mtimeMs, size } = await stat(path);
  const key = createHash("sha256").update(`${path} ${mtimeMs} ${size}`).digest("hex").slice(0, 12);
  const file = join(cache, `${key}-${kind}.gguf`);
  if (existsSync(file)) return file;
  await mkdir(cache, { recursive: true });
  const { stdout } = await promisify(execFile)(python, [beside("../peers/quantise.py"), path, file, kind]).catch(
    (failure: Error) => {
      throw new NotThere(failure.message);
    },
  );
  const { missing } = JSON.parse(stdout) as { missing?: string[] };
  if (missing) throw new NotThere(`${python} has no ${missing.join(", ")}`, missing);
  return file;
};

/** The folder among those where packages are looked for that has node-llama-cpp. */
const nodeLlamaCppFolder = (given: string | undefined): string => {
  const places = given === undefined ? [...(process.env.NODE_PATH ?? "").split(delimiter), "."] : [given];
  const inside = (place: string): string | undefined =>
    [place, join(place, "..")].find((folder) => existsSync(join(folder, "node_modules/node-llama-cpp/package.json")));
  const found = places
    .filter((place) => place !== "")
    .map(inside)
    .find((folder) => folder !== undefined);
  if (found === undefined) throw new NotThere("node-llama-cpp was not found", ["node-llama-cpp"]);
  return resolve(found);
};

/** All arms by name, ours first. */
export const armsOf = (options: ArmOptions): ReadonlyMap<string, Arm> => {
  const { model, threads } = options;
  const script = (file: string, args: readonly string[]): Promise<LineProcess> =>
    startLines(python, [beside(`../peers/${file}`), ...args]);
  const typescript = (file: string, args: readonly string[]): Promise<LineProcess> =>
    startLines(process.execPath, ["--import", import.meta.resolve("tsx"), beside(file), ...args]);
  const pip = (packages: string): string => `${python} -m pip install ${packages}`;
  const ours = (mode: string): Arm => ({
    name: `ours ${mode}`,
    start: () => typescript("ours.ts", [model, String(threads), mode]),
    install: "npm install",
  });
  const llama = (kind: "Q8_0" | "Q4_0"): Arm => ({
    name: `llama.cpp ${kind}`,
    start: async () => script("llama_cpp_arm.py", [await quantised(options, kind), String(threads)]),
    install: pip("llama-cpp-python gguf"),
  });
  const torch = (name: string, kind: string): Arm => ({
    name: `${name} ${kind}`,
    start: () => script("torch_arm.py", [model, String(threads), kind]),
    install: pip("torch transformers peft gguf"),
  });
  const trl = (kind: string): Arm => ({
    name: `TRL ${kind}`,
    start: () => script("trl_arm.py", [model, String(threads), kind]),
    install: pip("trl peft datasets accelerate"),
  });
  const arms: readonly Arm[] = [
    ...["int8", "int8+LoRA", "int4", "train", "unshared"].map(ours),
    llama("Q8_0"),
    llama("Q4_0"),
    {
      name: "node-llama-cpp Q4_0",
      start: async () => {
        const folder = nodeLlamaCppFolder(options.nodeLlamaCpp);
        return typescript("../peers/node-llama-cpp.ts", [await quantised(options, "Q4_0"), String(threads), folder]);
      },
      install: "npm install --prefix <folder> node-llama-cpp, then --node-llama-cpp <folder> (or NODE_PATH)",
    },
    torch("transformers", "f32"),
    torch("transformers", "bf16"),
    torch("torch", "f32"),
    torch("torch", "bf16"),
    torch("torch", "bf16-base"),
    trl("f32"),
    trl("bf16"),
  ];
  return new Map(arms.map((arm) => [arm.name, arm]));
};
