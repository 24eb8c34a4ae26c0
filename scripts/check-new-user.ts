/**
 * What a new user does, in an empty folder and without network: install the packed package, init, solve, check, learn,
 * solve with what was learnt. The package is packed as it is published; what it depends on is linked.
 *
 *   npm run check:new-user [-- --n 1 --seed 7 --steps 200 --cold-start 800 --eval-tasks 100]
 *
 * The last line is one JSON object. Exit code 1 when a step fails or nothing was learnt.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { LearnReport } from "../src/learn/report.ts";
import { packPackage } from "./packing/pack-package.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

export interface NewUserOptions {
  /** Seeds to learn with, from `seed` on. */
  readonly n: number;
  readonly seed: number;
  readonly steps: number;
  readonly coldStart: number;
  readonly evalTasks: number;
  /** Points on unseen tasks below which a seed counts as failed. */
  readonly leastGain: number;
  readonly say: (line: string) => void;
}

export interface NewUserResult {
  readonly n: number;
  readonly failed: number;
  readonly problems: readonly string[];
  /** Points gained on unseen tasks, a number a seed. */
  readonly gains: readonly number[];
}

/** All packages of the working copy, scoped ones too, beside the installed one. */
const linkDependencies = async (project: string): Promise<void> => {
  const modules = join(root, "node_modules");
  const top = (await readdir(modules)).filter((name) => !name.startsWith(".") && name !== "agentflow");
  const names = await Promise.all(
    top.map(async (name) =>
      name.startsWith("@") ? (await readdir(join(modules, name))).map((one) => `${name}/${one}`) : [name],
    ),
  );
  for (const name of names.flat()) {
    await mkdir(dirname(join(project, "node_modules", name)), { recursive: true });
    await symlink(join(modules, name), join(project, "node_modules", name));
  }
};

/** Throws what the command said when it fails; a solve without an answer does, too. */
const agentflow = async (project: string, ...args: readonly string[]): Promise<string> => {
  const command = join(project, "node_modules/.bin/agentflow");
  const { stdout } = await run(command, args, { cwd: project, maxBuffer: 64 * 2 ** 20 }).catch(
    (error: { readonly stderr?: string; readonly stdout?: string; readonly message: string }) => {
      throw new Error(`agentflow ${args.join(" ")}: ${error.stdout ?? ""}${error.stderr ?? ""}` || error.message);
    },
  );
  return stdout;
};

const expectThat = (holds: boolean, problem: string): void => {
  if (!holds) throw new Error(problem);
};

/** A project whose tools never find anything: the check must say so. */
const breakTools = async (project: string): Promise<string> => {
  const file = join(project, "broken.config.ts");
  const text = await readFile(join(project, "agentflow.config.ts"), "utf8");
  await writeFile(
    file,
    text.replace(
      "...shopTools, calculate",
      '...shopTools, calculate, stock: { ...shopTools.stock, execute: () => { throw new Error("The warehouse is closed."); } }',
    ),
  );
  return file;
};

/** The whole way, once; learning with `n` seeds. */
export const checkNewUser = async (options: NewUserOptions): Promise<NewUserResult> => {
  const { n, seed, steps, coldStart, evalTasks, leastGain, say } = options;
  const folder = await mkdtemp(join(tmpdir(), "agentflow-new-user-"));
  const problems: string[] = [];
  const gains: number[] = [];
  const stage = async (name: string, act: () => Promise<void>): Promise<void> => {
    const begun = performance.now();
    try {
      await act();
      say(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    } catch (error) {
      const problem = `${name}: ${error instanceof Error ? error.message : String(error)}`.trim();
      problems.push(problem);
      say(problem);
    }
  };
  try {
    const project = join(folder, "empty");
    await mkdir(project);
    const config = ["--config", "agentflow.config.ts"];
    await stage("install", async () => {
      const tarball = await packPackage(folder, { alone: true });
      await run("npm", ["install", "--offline", "--ignore-scripts", tarball], { cwd: project });
      await linkDependencies(project);
    });
    await stage("init", async () => {
      const { files } = JSON.parse(await agentflow(project, "init", "--json"));
      expectThat(files.includes("agentflow.config.ts"), "no configuration was written");
    });
    await stage("solve with the built-in planner", async () => {
      const text = await agentflow(
        project,
        "solve",
        "--json",
        "What is the latitude of the airport with code LOS in degrees?",
      ).catch((error: Error) => error.message);
      expectThat(text.includes('"schemaVersion":1'), text);
    });
    await stage("a broken tool is found", async () => {
      const broken = await breakTools(project);
      const text = await agentflow(project, "learn", "--config", broken, "--check").then(
        () => "not found",
        (error: Error) => error.message,
      );
      expectThat(text.includes("The tool stock failed in all of"), text);
    });
    await stage("check", async () => {
      const { sound } = JSON.parse(await agentflow(project, "learn", ...config, "--check", "--json"));
      expectThat(sound === true, "the new project is not sound");
    });
    for (let i = 0; i < n; i += 1)
      await stage(`learn, seed ${seed + i}`, async () => {
        const sizes = { steps, "cold-start": coldStart, "eval-tasks": evalTasks, seed: seed + i };
        const flags = Object.entries(sizes).flatMap(([name, value]) => [`--${name}`, String(value)]);
        const report = JSON.parse(
          await agentflow(project, "learn", ...config, ...flags, "--json", "--quiet"),
        ) as LearnReport;
        const { before, after, gain } = report;
        gains.push(gain.heldOutPages.points);
        say(
          `unseen tasks ${before.heldOutPages.accuracy.toFixed(2)} → ${after.heldOutPages.accuracy.toFixed(2)}, ` +
            `unseen family ${before.heldOutFamily.accuracy.toFixed(2)} → ${after.heldOutFamily.accuracy.toFixed(2)}`,
        );
        const question = "How many reviews does Fjord Tent have?";
        const solved = await agentflow(
          project,
          "solve",
          ...config,
          "--policy",
          join("runs", report.run),
          "--json",
          question,
        ).catch((error: Error) => error.message);
        expectThat(solved.includes('"schemaVersion":1'), solved);
        expectThat(gain.heldOutPages.points >= leastGain, `too little was learnt: ${gain.heldOutPages.points} points`);
      });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { n: n + 5, failed: problems.length, problems, gains };
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: {
      n: { type: "string", default: "1" },
      seed: { type: "string", default: "7" },
      steps: { type: "string", default: "200" },
      "cold-start": { type: "string", default: "800" },
      "eval-tasks": { type: "string", default: "100" },
      "least-gain": { type: "string", default: "0.2" },
    },
  });
  const { n, failed, gains } = await checkNewUser({
    n: Number(values.n),
    seed: Number(values.seed),
    steps: Number(values.steps),
    coldStart: Number(values["cold-start"]),
    evalTasks: Number(values["eval-tasks"]),
    leastGain: Number(values["least-gain"]),
    say: console.log,
  });
  console.log(JSON.stringify({ check: "new-user", n, failed, bound: failed === 0 ? 3 / n : null, gains }));
  process.exitCode = failed === 0 ? 0 : 1;
}
