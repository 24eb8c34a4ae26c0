import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Argument, type Command } from "commander";
import { ConfigError } from "../errors.ts";
import { makeChosenFolder } from "../files/make-folder.ts";
import { commandLine, SKYRL_VERSION, type SkyrlCommand, type SkyrlOptions, skyrlCommands } from "../setup/skyrl.ts";
import { wholeNumber } from "./command-options.ts";
import { INTERRUPTED, listenToInterrupts } from "./interrupt.ts";
import { openScreen } from "./terminal.ts";
import { wrap } from "./text-width.ts";

interface StartOptions extends Omit<SkyrlOptions, "folder"> {
  readonly port: number;
  readonly gpus: number;
  readonly nodes: number;
  readonly folder: string;
  readonly checkout: string;
  readonly run: boolean;
}

/** A folder as a whole path, from wherever the server is started; the name of a hub as it is. */
const wholeName = (model: string): string => (/^\.{0,2}\//.test(model) || existsSync(model) ? resolve(model) : model);

/** `agentflow engine start skyrl`: prints the commands, and runs the server where it is one process here. */
const start = async ({ run, folder, checkout, ...options }: StartOptions): Promise<number> => {
  const screen = openScreen();
  const model = wholeName(options.model);
  const commands = skyrlCommands({ ...options, model, folder: resolve(folder) });
  const { gpus, nodes, port } = options;
  const about =
    gpus === 0
      ? `SkyRL ${SKYRL_VERSION} on this CPU. These commands were tested; the first start downloads 5 GB.`
      : "SkyRL on GPUs, by its public documentation. These commands have not been tested.";
  for (const line of wrap(about, screen.width)) screen.line(line);
  const show = (what: string, command: Pick<SkyrlCommand, "variables" | "argv">): void => {
    screen.line();
    screen.line(screen.dim(`# ${what}`));
    screen.text(commandLine(command, screen.width));
  };
  for (const command of commands) show(`${command.where}: ${command.what}`, command);
  show("then, with any text for a key", {
    variables: { TINKER_API_KEY: "tml-any" },
    argv: ["agentflow", "learn", "--engine", `http://127.0.0.1:${port}`, "--model", model],
  });
  if (!run) return 0;
  if (nodes > 1)
    throw new ConfigError("Several machines are started one by one: run the commands above on them, without --run.");
  const server = commands.at(-1) as SkyrlCommand;
  if (gpus > 0 && !existsSync(join(checkout, "pyproject.toml")))
    throw new ConfigError(
      `${resolve(checkout)} is no checkout of SkyRL: run the commands above first, then name its folder with --checkout.`,
    );
  await makeChosenFolder(folder);
  screen.line();
  return serve(server, gpus > 0 ? checkout : ".");
};

const serve = async ({ variables, argv: [command = "", ...args] }: SkyrlCommand, cwd: string): Promise<number> => {
  const screen = openScreen();
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...variables },
      stdio: ["ignore", "pipe", "pipe"],
    });
    // It stops API and engine on SIGTERM.
    interrupts.abortSignal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on("line", (line) => screen.line(line));
    const code = await new Promise<number>((ended, failed) => {
      child.once("error", (cause: NodeJS.ErrnoException) =>
        failed(
          cause.code === "ENOENT"
            ? new ConfigError("uv is not on the path, which installs and starts SkyRL: pip install uv.", { cause })
            : cause,
        ),
      );
      child.once("close", (status) => ended(status ?? 1));
    });
    return interrupts.abortSignal.aborted ? INTERRUPTED : Math.min(code, 1);
  } finally {
    interrupts.close();
  }
};

/** `agentflow engine start`. */
export const addEngineStart = (engine: Command): void => {
  engine
    .command("start")
    .description("print the commands that start another server of the Tinker API, and run them")
    .addArgument(new Argument("<server>", "which server").choices(["skyrl"]))
    .requiredOption("--model <model>", "base model: a name of the hub, or a folder")
    .option("--gpus <number>", "GPUs of each machine; 0 is a server on the CPU", wholeNumber(0, 64), 0)
    .option("--nodes <number>", "machines", wholeNumber(1, 1024), 1)
    .option("--tensor-parallel <number>", "GPUs that sample one copy of the model together", wholeNumber(1, 64), 1)
    .option("--port <number>", "listen on this port", wholeNumber(1, 65_535), 8000)
    .option("--folder <folder>", "store checkpoints and its database in this folder", "skyrl")
    .option("--checkout <folder>", "with --run on GPUs: the folder that SkyRL was cloned to", "SkyRL")
    .option("--run", "run the server on this machine, until Ctrl-C (needs uv)", false)
    .action(async (_, options) => {
      process.exitCode = await start(options);
    });
};
