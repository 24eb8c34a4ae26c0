/**
 * What a flow costs besides its models, side by side with other frameworks in one run, each measurement in a process of its
 * own: CPU a turn with 100 solves at once, a solve alone, heap of a solve that waits, 1,000 solves over HTTP, bundle size and
 * time to import. Others than the AI SDK are measured where they are installed:
 *
 *   npm ci --prefix bench/frameworks/peers --ignore-scripts
 *   npm run bench:frameworks [-- --rounds 3]
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { openaiServer } from "../../src/testing/index.ts";
import { bundleOf } from "./bundle-size.ts";

const here = import.meta.dirname;
const peers = join(here, "peers");
const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
const rounds = Number(values.rounds);

interface Framework {
  readonly name: string;
  /** The file of its subject. */
  readonly file: string;
  /** What an agent of it imports. */
  readonly imports: string;
  readonly isInstalled: boolean;
}

const inPeers = (name: string, file: string, package_: string, imports: string): Framework => ({
  name,
  file: join(peers, file),
  imports,
  isInstalled: existsSync(join(peers, "node_modules", package_)),
});

const frameworks: readonly Framework[] = [
  {
    name: "ours",
    file: join(here, "agentflow.ts"),
    imports:
      'import { createFlow } from "agentflow"; import { openaiCompatible } from "agentflow/models"; console.log(createFlow, openaiCompatible);',
    isInstalled: existsSync(join(here, "..", "..", "dist", "index.js")),
  },
  {
    name: "ai 7",
    file: join(here, "ai.ts"),
    imports: 'import { generateText } from "ai"; console.log(generateText);',
    isInstalled: true,
  },
  inPeers(
    "langchain",
    "langchain.ts",
    "langchain",
    'import { createAgent } from "langchain"; console.log(createAgent);',
  ),
  inPeers(
    "OpenAI Agents",
    "openai-agents.ts",
    "@openai/agents",
    'import { Agent, run } from "@openai/agents"; console.log(Agent, run);',
  ),
  inPeers("Mastra", "mastra.ts", "@mastra/core", 'import { Agent } from "@mastra/core/agent"; console.log(Agent);'),
];
const missing = frameworks.filter(({ isInstalled }) => !isInstalled);
if (missing[0]?.name === "ours") throw new Error("Nothing is built: npm run build");
if (missing.length > 0)
  console.log(
    `Not installed: ${missing.map(({ name }) => name).join(", ")} (npm ci --prefix bench/frameworks/peers --ignore-scripts)\n`,
  );
const measured = frameworks.filter(({ isInstalled }) => isInstalled);

/** A subject as plain JavaScript, beside the packages that it imports: no loader is in what is measured. */
const compiled = async ({ file, name }: Framework): Promise<string> => {
  const outfile = join(file, "..", "out", `${name.replace(/\W+/g, "-")}.mjs`);
  await build({
    stdin: {
      contents: `import { subject } from ${JSON.stringify(file)}; import { measure } from ${JSON.stringify(join(here, "measure.ts"))}; await measure(subject, ${name === "ours"});`,
      resolveDir: here,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    // Without the project's paths: "agentflow" is what is built, not its sources.
    tsconfigRaw: {},
    outfile,
    logLevel: "error",
  });
  return outfile;
};

const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

const row = (title: string, figures: readonly (number | undefined)[], digits = 1): void => {
  const [ours = Number.NaN] = figures;
  const cells = figures.map((figure, i) => {
    if (figure === undefined) return "–".padStart(16);
    const ratio = i === 0 ? "" : ` (${(figure / ours).toFixed(1)}×)`;
    return `${figure.toFixed(digits)}${ratio}`.padStart(16);
  });
  console.log(`${title.padEnd(46)}${cells.join("")}`);
};

const bars: Readonly<Record<string, string>> = {
  turn: "CPU µs a turn, 100 solves at once (bar 10)",
  solve: "µs a solve of three turns alone (bar 60)",
  parked: "KB of heap a parked solve (bar 6)",
  http: "s, 1,000 solves × 12 calls over HTTP (bar 5)",
  httpCpu: "CPU s of the same (bar 3)",
  httpMemory: "MB peak of the same (bar 250)",
};

console.log(`${"".padEnd(46)}${measured.map(({ name }) => name.padStart(16)).join("")}`);
const server = await openaiServer({ reply: () => "fine" });
const files = new Map<string, string>();
for (const framework of measured) files.set(framework.name, await compiled(framework));
const run = (file: string, what: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const args = ["--expose-gc", "--no-warnings", file, what, server.baseURL];
    execFile(process.execPath, args, { cwd: join(file, "..") }, (error, stdout, stderr) => {
      const figure = Number(stdout.trim().split("\n").at(-1));
      if (error === null && Number.isFinite(figure)) resolve(figure);
      else reject(new Error(`${file} ${what}: ${stderr.slice(-600)}`));
    });
  });
for (const [what, title] of Object.entries(bars)) {
  const found = new Map<string, number[]>(measured.map(({ name }) => [name, []]));
  // One after the other, round by round: what disturbs the machine disturbs all of them.
  for (let round = 0; round < rounds; round += 1)
    for (const { name } of measured)
      if (!what.startsWith("http") || name === "ours" || name === "ai 7")
        await run(files.get(name) ?? "", what).then(
          (figure) => found.get(name)?.push(figure),
          (error: Error) => {
            // A peer that breaks off has no figure; ours must not.
            if (name === "ours") throw error;
            console.log(
              `${name} broke off (${what}): ${error.message.split("\n").find((line) => /Error|ERR/.test(line)) ?? ""}`,
            );
          },
        );
  row(
    title,
    measured.map(({ name }) => (found.get(name)?.length ? median(found.get(name) ?? []) : undefined)),
  );
}
await server.close();

const sizes: (number | undefined)[] = [];
for (const { imports, file } of measured)
  sizes.push(
    await bundleOf(imports, join(file, "..")).then(
      ({ kilobytes }) => kilobytes,
      () => undefined,
    ),
  );
row("KB gzip, an agent with a model (bar 25)", sizes);

/** Milliseconds to import it in a new process: of the clock, and of the processor, which other work does not lengthen. */
const importOnce = (framework: Framework | undefined): readonly [wall: number, cpu: number] => {
  const code = framework === undefined ? "" : framework.imports.replace(/console\.log.*$/, "").split(";")[0];
  const spent = "const { user, system } = process.cpuUsage(); console.log((user + system) / 1000);";
  const begun = performance.now();
  const said = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "--eval", `${code}; ${spent}`], {
    cwd: framework === undefined ? here : join(framework.file, ".."),
    encoding: "utf8",
  });
  return [performance.now() - begun, Number(said)];
};
const bareNode = { name: "bare node" };
const importTimes = new Map([bareNode, ...measured].map(({ name }) => [name, [[], []] as [number[], number[]]]));
for (let round = 0; round < 4 * rounds; round += 1)
  for (const framework of [undefined, ...measured]) {
    const [wall, cpu] = importOnce(framework);
    const [walls, cpus] = importTimes.get((framework ?? bareNode).name) ?? [[], []];
    walls.push(wall);
    cpus.push(cpu);
  }
for (const [which, title] of ["ms to import, over bare node (bar 15)", "CPU ms of the same"].entries()) {
  const medianOf = (name: string): number => median(importTimes.get(name)?.[which] ?? []);
  row(
    title,
    measured.map(({ name }) => medianOf(name) - medianOf(bareNode.name)),
  );
  console.log(`${"".padEnd(46)}${`(bare node: ${medianOf(bareNode.name).toFixed(1)})`.padStart(16)}`);
}
