/**
 * Installs the packed archives into empty folders, as users do: without install scripts, with several versions of Node.js
 * and npm (which are installed from npm for the occasion). In each, the built-in planner has to answer a question on the
 * native runtime, and `init` has to make a project that installs and can be checked.
 *
 *   npm run check:install [-- --node 20,22,24 --npm 10,11 --most 100]
 *
 * Prints packages and megabytes of each; exit code 1 when one fails or takes more than `--most` megabytes.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { packPackage } from "./packing/pack-package.ts";
import { packRuntime, platforms } from "./packing/pack-runtime.ts";

const { values } = parseArgs({
  options: {
    node: { type: "string", default: "20,22,24" },
    npm: { type: "string", default: "10,11" },
    most: { type: "string", default: "100" },
  },
});
const execute = promisify(execFile);
const here = platforms.find((platform) => platform === `${process.platform}-${process.arch}`);
if (here === undefined) throw new TypeError(`ONNX Runtime has no library for ${process.platform}-${process.arch}.`);

const sizeOf = async (folder: string): Promise<number> => {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
};

const scratch = await mkdtemp(join(tmpdir(), "agentflow-install-"));
/** A package of npm for this check alone; the path of a file in it. */
const tool = async (name: string, version: string, ...files: readonly string[]): Promise<string> => {
  const folder = join(scratch, "tools", `${name}-${version}`);
  await mkdir(folder, { recursive: true });
  await execute("npm", ["install", "--prefix", folder, "--ignore-scripts", "--no-save", `${name}@${version}`]);
  const found = files.map((file) => join(folder, "node_modules", name, file)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${name}@${version} has no ${files.join(" and no ")}.`);
  return found;
};

let failures = 0;
const expectThat = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

try {
  const archives = [await packPackage(scratch), await packRuntime(scratch, here)];
  const [os] = here.split("-");
  const nodes = new Map<string, string>();
  for (const major of values.node.split(","))
    nodes.set(
      major,
      await tool(`node-${os === "win32" ? "win" : here.replace("win32", "win")}`, major, "bin/node", "bin/node.exe"),
    );
  const npms = new Map<string, string>();
  for (const major of values.npm.split(",")) npms.set(major, await tool("npm", major, "bin/npm-cli.js"));
  for (const [nodeMajor, node] of nodes)
    for (const [npmMajor, npm] of npms) {
      const place = `node ${nodeMajor}, npm ${npmMajor}`;
      const folder = join(scratch, `empty-${nodeMajor}-${npmMajor}`);
      await mkdir(folder);
      const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
      const run = async (cwd: string, ...args: readonly string[]): Promise<string> =>
        (await execute(node, [...args], { cwd, env, maxBuffer: 16 * 2 ** 20 })).stdout;
      const install = (cwd: string, ...packages: readonly string[]): Promise<string> =>
        run(cwd, npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages);
      const agentflow = (cwd: string, ...args: readonly string[]): Promise<string> =>
        run(cwd, join("node_modules", "agentflow", "dist", "cli", "main.js"), ...args);
      try {
        await install(folder, ...archives);
        const modules = join(folder, "node_modules");
        const { packages } = JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8"));
        const megabytes = (await sizeOf(modules)) / 1e6;
        expectThat(megabytes <= Number(values.most), `takes ${megabytes.toFixed(0)} MB`);
        const doctor = await agentflow(folder, "doctor", "--json");
        expectThat(doctor.includes("onnxruntime (native)"), `doctor finds no native runtime: ${doctor.slice(0, 400)}`);
        const question = "What is the latitude of the airport with code LOS in degrees?";
        const { answer } = JSON.parse(await agentflow(folder, "solve", "--json", question));
        expectThat(Number.parseFloat(answer) === 6.5774, `the answer is ${answer}`);
        await agentflow(folder, "init", "project");
        const project = join(folder, "project");
        await install(project);
        const { sound } = JSON.parse(
          await agentflow(project, "learn", "--config", "agentflow.config.ts", "--check", "--json"),
        );
        expectThat(sound === true, "the new project is not sound");
        const inProject = await agentflow(project, "doctor", "--json");
        expectThat(inProject.includes("onnxruntime (native)"), "the new project has no native runtime");
        console.log(`${place}: ${Object.keys(packages).length} packages, ${megabytes.toFixed(0)} MB, answers natively`);
      } catch (error) {
        failures += 1;
        console.log(`${place}: ${error instanceof Error ? error.message.slice(0, 1000) : String(error)}`);
      }
    }
  console.log(JSON.stringify({ check: "install", n: nodes.size * npms.size, failures }));
} finally {
  await rm(scratch, { recursive: true, force: true });
}
if (failures > 0) process.exitCode = 1;
