import { access, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ConfigError, messageOf } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { RUNTIME } from "../optional-package.ts";
import { packageFolder } from "../package-folder.ts";
import { openScreen, writeJson } from "./terminal.ts";

export interface InitOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

const source = new URL("data/project/", packageFolder);

/** npm leaves a `.gitignore` out of a package: ours is stored without its dot. */
const nameOf = (file: string): string => (file === "gitignore" ? ".gitignore" : file);

/**
 * `agentflow init`: writes a small project that works at once: tools over a made-up shop, a generator of tasks, a reward.
 * Nothing that is there is overwritten; a package.json is kept. Returns the exit code. Throws `ConfigError` for a folder that cannot be used.
 */
export const init = async (folder: string, { json, quiet }: InitOptions): Promise<number> => {
  const root = resolve(folder);
  const files = new Map<string, string>();
  // Whoever has installed AgentFlow into the folder has one: it stays as it is.
  if (!(await isThere(join(root, "package.json")))) files.set("package.json", await packageJson(root));
  for (const file of (await readdir(source)).sort())
    files.set(nameOf(file), await readFile(new URL(file, source), "utf8"));
  await refuseCollisions(root, folder, [...files.keys()]);
  try {
    await makeFolder(root);
    // "wx": what appears in the meantime is not overwritten either.
    for (const [name, text] of files) await writeFile(join(root, name), text, { flag: "wx" });
  } catch (error) {
    throw new ConfigError(`Cannot write the project into ${folder}: ${messageOf(error)}`, { cause: error });
  }
  const next = nextSteps(folder);
  if (json) writeJson({ schemaVersion: 1, folder: root, files: [...files.keys()], next });
  const screen = openScreen({ json, quiet });
  screen.line(`A project is in ${root}: ${[...files.keys()].join(", ")}`);
  screen.line();
  for (const [i, line] of next.entries()) screen.line(`${i === 0 ? "Next" : "    "}     ${line}`);
  return 0;
};

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const nextSteps = (folder: string): string[] => [
  ...(resolve(folder) === resolve(".") ? [] : [`cd ${folder}`]),
  "npm install",
  "npx agentflow learn --check",
  "npx agentflow learn",
];

/**
 * What npm installs as the very package that is in `folder`: its version where a registry gave it, else the path of its
 * archive or of the folder itself. A name alone would fetch whatever somebody else published under it.
 */
export const specifierOf = async (folder: string, version: string): Promise<string> => {
  const parent = dirname(folder);
  if (basename(parent) !== "node_modules") return `file:${folder}`;
  return (await archiveOf(parent, basename(folder))) ?? `^${version}`;
};

/** The archive that a package was installed from, for a manifest; undefined where a registry gave it. */
const archiveOf = async (modules: string, name: string): Promise<string | undefined> => {
  const installed = JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8").catch(() => "{}")) as {
    readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
  };
  const resolved = installed.packages?.[`node_modules/${name}`]?.resolved;
  return resolved?.startsWith("file:")
    ? `file:${resolve(dirname(modules), resolved.slice("file:".length))}`
    : undefined;
};

const packageJson = async (root: string): Promise<string> => {
  const own = JSON.parse(await readFile(new URL("package.json", packageFolder), "utf8")) as {
    readonly version: string;
  };
  const name = basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/gu, "-")
    .replace(/^-+|(?<!-)-+$/gu, "");
  const folder = resolve(fileURLToPath(packageFolder));
  const runtime = await archiveOf(dirname(folder), RUNTIME);
  const content = {
    name: name === "" ? "my-agent" : name,
    private: true,
    type: "module",
    scripts: {
      check: "agentflow learn --check",
      learn: "agentflow learn",
      solve: "agentflow solve",
    },
    dependencies: {
      agentflow: await specifierOf(folder, own.version),
      // The native runtime comes with the package, unless both were installed from archives.
      ...(runtime === undefined ? {} : { [RUNTIME]: runtime }),
    },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
};

/** A folder that is there may hold other things, but none of the files that are to be written. */
const refuseCollisions = async (root: string, shown: string, files: readonly string[]): Promise<void> => {
  for (let above = root; ; above = dirname(above)) {
    const there = await stat(above).catch(() => undefined);
    if (there?.isDirectory() === false)
      throw new ConfigError(`Cannot make a project in ${shown}: ${above} is a file. Choose another folder.`);
    if (there !== undefined || dirname(above) === above) break;
  }
  const taken: string[] = [];
  for (const file of files) if (await isThere(join(root, file))) taken.push(file);
  if (taken.length > 0)
    throw new ConfigError(
      `The folder ${shown} has ${taken.join(", ")} already, and nothing is overwritten. Choose an empty folder, or move these away.`,
    );
};

/** `agentflow init`. */
export const addInit = (program: Command): void => {
  program
    .command("init")
    .description("create a small project: tools, a task generator and a reward")
    .argument("[folder]", "folder to create it in", ".")
    .option("--json", "print one JSON object to stdout", false)
    .option("--quiet", "print nothing", false)
    .action(async (folder, options) => {
      process.exitCode = await init(folder, options);
    });
};
