import { spawn } from "node:child_process";
import { access, mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cacheFolder } from "../../src/cache-folder.ts";

export interface Ran {
  readonly code: number;
  /** What it printed. */
  readonly text: string;
}

/** Runs a program to its end; `onLine` hears what it prints. One that cannot be started ends with 127. */
export const run = (
  program: string,
  args: readonly string[],
  {
    variables = {},
    onText = () => undefined,
  }: { readonly variables?: NodeJS.ProcessEnv; readonly onText?: (text: string) => void } = {},
): Promise<Ran> =>
  new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        onText(part);
      });
    child.on("error", (error) => resolve({ code: 127, text: String(error) }));
    child.on("close", (code) => resolve({ code: code ?? 1, text }));
  });

/** The first Python of one of these versions: AGENTFLOW_PYTHON, else the usual names. */
const findPython = async (versions: readonly string[]): Promise<string | undefined> => {
  const { AGENTFLOW_PYTHON: named } = process.env;
  const names = named ? [named] : [...versions.map((version) => `python${version}`), "python3"];
  for (const name of names) {
    const { code, text } = await run(name, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    if (code === 0 && versions.includes(text.trim())) return name;
  }
  return undefined;
};

export interface PythonEnvironment {
  readonly python: string;
  readonly uv: string;
  /** For programs that look for Python and uv themselves. */
  readonly variables: NodeJS.ProcessEnv;
}

/**
 * An environment of its own in the cache folder, made on first use, with uv and these packages. Returns why there is none where Python or
 * the packages are missing.
 */
export const pythonEnvironment = async (
  name: string,
  {
    versions,
    packages = [],
    without = [],
  }: {
    readonly versions: readonly string[];
    readonly packages?: readonly string[];
    readonly without?: readonly string[];
  },
): Promise<PythonEnvironment | string> => {
  const found = await findPython(versions);
  if (found === undefined)
    return `there is no Python ${versions.join(" or ")} (name one: AGENTFLOW_PYTHON=<path>, or PYENV_VERSION=<version> with pyenv)`;
  const folder = join(cacheFolder(process.env), "checks", name);
  const bin = join(folder, "bin");
  const done = join(folder, "complete");
  const [python, uv] = [join(bin, "python"), join(bin, "uv")];
  const variables = { PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`, UV_PYTHON_DOWNLOADS: "never" };
  const isMade = await access(done).then(
    () => true,
    () => false,
  );
  if (!isMade) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const left = join(folder, "without.txt");
    await writeFile(left, `${without.join("\n")}\n`);
    const steps: readonly (readonly [program: string, args: readonly string[]])[] = [
      [found, ["-m", "venv", folder]],
      [join(bin, "pip"), ["install", "--quiet", "--disable-pip-version-check", "uv==0.13.9"]],
      ...(packages.length === 0
        ? []
        : [[uv, ["pip", "install", "--quiet", "--python", python, "--excludes", left, ...packages]] as const]),
    ];
    for (const [program, args] of steps) {
      const { code, text } = await run(program, args, { variables });
      if (code !== 0) return `its packages cannot be installed: ${text.trim().split("\n").at(-1)}`;
    }
    await writeFile(done, "");
  }
  return { python, uv, variables };
};
