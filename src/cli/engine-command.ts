import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { openEngine } from "../engines/onnx/engine.ts";
import { isAdapterFolder } from "../engines/onnx/files/adapter-files.ts";
import { checkConformance, probeServer } from "../engines/tinker/index.ts";
import { listen, tinkerServer } from "../engines/tinker-server/index.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { defined } from "../options.ts";
import { BUILT_IN_MODEL, findModel, findModelPath } from "../setup/local-model.ts";
import { jsonOption, serverAddress, wholeNumber } from "./command-options.ts";
import { addEngineStart } from "./engine-start.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { wrap } from "./text-width.ts";
import { visible } from "./visible.ts";
import { counted } from "./words.ts";

/** Keys of servers: ours, or the variable that the protocol's own client reads. */
const keyOf = ({ AGENTFLOW_ENGINE_KEY, TINKER_API_KEY }: NodeJS.ProcessEnv): string | undefined =>
  AGENTFLOW_ENGINE_KEY || TINKER_API_KEY || undefined;

interface ServeOptions {
  readonly model: string;
  readonly host: string;
  readonly port: number;
  readonly checkpoints: string;
  readonly learns?: "weights" | "adapters";
  readonly context?: number;
}

/** `agentflow engine serve`: the embedded engine for clients of the Tinker API, until Ctrl-C. */
const serve = async ({ model: name, host, port, checkpoints, learns, context }: ServeOptions): Promise<number> => {
  const screen = openScreen();
  const interrupts = listenToInterrupts(() => undefined);
  const folder = resolve(checkpoints);
  await requireWritable(folder);
  const model = await findModel(name);
  if (await isAdapterFolder(model))
    throw new ConfigError(
      `${name} is an adapter, and clients train new adapters on a model: serve its base, or one model of both (agentflow export ${name} --format merged --out <folder>).`,
    );
  const engine = await openEngine(model, defined({ learns, contextLength: context }));
  try {
    const given = keyOf(process.env);
    const token = given ?? `tml-${randomBytes(24).toString("base64url")}`;
    const tokenizer = resolve(await findModelPath(name));
    const server = tinkerServer({ engine, folder, token, model: name, tokenizer });
    const { url, close } = await listen(server, { port, host });
    screen.line(screen.good("serving"), `  ${name} (${engine.learns}, ${engine.contextLength} tokens) at ${url}`);
    screen.line(`  TINKER_BASE_URL=${url}`);
    screen.line(`  TINKER_API_KEY=${given === undefined ? token : "(as in the environment)"}`);
    screen.line(screen.dim(`  checkpoints in ${folder}; Ctrl-C stops`));
    if (!interrupts.abortSignal.aborted) await once(interrupts.abortSignal, "abort");
    await close();
    return 0;
  } finally {
    interrupts.close();
    await engine.dispose();
  }
};

/** Tries it, before anybody trains what could not be saved. Throws `ConfigError`. */
const requireWritable = async (folder: string): Promise<void> => {
  try {
    await makeFolder(folder);
    const file = join(folder, `.trial-${process.pid}`);
    await writeFile(file, "");
    await rm(file);
  } catch (cause) {
    throw new ConfigError(
      `Checkpoints cannot be written to ${folder}: ${messageOf(cause)}. Choose another folder with --checkpoints.`,
      { cause },
    );
  }
};

interface LookOptions {
  readonly model?: string;
  readonly json: boolean;
}

const requireKey = (): string => {
  const key = keyOf(process.env);
  if (key === undefined)
    throw new ConfigError("The server's key is missing: set TINKER_API_KEY, or any text for a server that needs none.");
  return key;
};

/** `agentflow engine probe`: what a server does where the protocol leaves it open. Returns 1 when nothing should be trained on it. */
const probe = async (url: string, { model, json }: LookOptions): Promise<number> => {
  const screen = openScreen({ json });
  const report = await probeServer({ url, apiKey: requireKey(), model });
  if (json) writeJson({ schemaVersion: 1, ...report, dialect: report.dialect ?? null });
  for (const { what, found, means } of report.findings)
    screen.line(`${visible(what).padEnd(56)} ${visible(found)}${means === "" ? "" : screen.dim(`: ${means}`)}`);
  if (report.dialect === undefined)
    screen.line(screen.bad("no dialect fits"), "  its gradients would not be what was asked for");
  else screen.line(screen.good(report.dialect), "  is its dialect");
  return report.dialect === undefined ? 1 : 0;
};

/** `agentflow engine conformance`: each rule of the protocol. Returns 1 when one is broken. */
const conformance = async (url: string, { model, json }: LookOptions): Promise<number> => {
  const screen = openScreen({ json });
  const report = await checkConformance({ url, apiKey: requireKey(), model });
  if (json) writeJson({ schemaVersion: 1, ...report });
  for (const { rule, kept, found } of report.rows) {
    screen.line(kept ? screen.good("kept  ") : screen.bad("broken"), ` ${visible(rule)}`);
    for (const line of found === "" ? [] : wrap(visible(found), screen.width - 8)) screen.line(`        ${line}`);
  }
  const broken = report.rows.filter(({ kept }) => !kept).length;
  screen.line(`${counted(report.rows.length, "rule")}, ${broken} broken`);
  return broken === 0 ? 0 : 1;
};

/** `agentflow engine`: engines at servers, and this one as a server. */
export const addEngineCommands = (program: Command): void => {
  const engine = program
    .command("engine")
    .description("serve the embedded engine by the Tinker API, and check servers of it");

  engine
    .command("serve")
    .description("let clients of the Tinker API train and sample a local model")
    .option("--model <model>", "model to serve: a run, a model folder, a GGUF file or a pulled model", BUILT_IN_MODEL)
    .option(
      "--host <address>",
      "listen on this address (other than loopback: the key is all that protects it)",
      "127.0.0.1",
    )
    .option("--port <number>", "listen on this port", wholeNumber(0, 65_535), 8210)
    .option("--checkpoints <folder>", "store checkpoints in this folder", "checkpoints")
    .addOption(
      new Option("--learns <what>", "train all weights or adapters (default: by size)").choices([
        "weights",
        "adapters",
      ]),
    )
    .option("--context <tokens>", "longest sequence of a published model (default: 4096)", wholeNumber(64))
    .addHelpText(
      "after",
      "\nEnvironment: AGENTFLOW_ENGINE_KEY or TINKER_API_KEY, the key that clients send\n(default: a new one, which is shown).",
    )
    .action(async (options) => {
      process.exitCode = await serve(options);
    });

  addEngineStart(engine);

  const looks = [
    ["probe", "find out what a server does where the protocol leaves it open, on a scratch model", probe],
    ["conformance", "check a server against the rules of the protocol, one by one", conformance],
  ] as const;
  for (const [name, description, look] of looks)
    engine
      .command(name)
      .description(description)
      .argument("<url>", "the server, without /api/v1", serverAddress)
      .option("--model <name>", "base model, by the server's name for it (default: its first)")
      .option(...jsonOption)
      .addHelpText("after", "\nEnvironment: TINKER_API_KEY, the server's key.")
      .action(async (url, options) => {
        process.exitCode = await look(url, options);
      });
};
