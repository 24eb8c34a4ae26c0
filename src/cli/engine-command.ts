import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { openEngine } from "../engines/onnx/engine.ts";
import { isAdapterFolder } from "../engines/onnx/files/adapter-files.ts";
import { checkConformance, type Finding, probeServer } from "../engines/tinker/index.ts";
import { listen, tinkerServer } from "../engines/tinker-server/index.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { defined } from "../options.ts";
import { BUILT_IN_MODEL, findModel, findModelPath } from "../setup/local-model.ts";
import { jsonOption, serverAddress, wholeNumber } from "./command-options.ts";
import { addEngineStart } from "./engine-start.ts";
import { listenToInterrupts } from "./interrupt.ts";
import type { Screen } from "./screen.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { hanging, wrap } from "./text-width.ts";
import { visible } from "./visible.ts";
import { counted } from "./words.ts";

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
  const model = await findModel(name);
  if (await isAdapterFolder(model))
    throw new ConfigError(
      `${name} is an adapter, and clients train new adapters on a model: serve its base, or one model of both (agentflow export ${name} --format merged --out <folder>).`,
    );
  await requireWritable(folder);
  const engine = await openEngine(model, defined({ learns, contextLength: context }));
  try {
    const given = process.env.AGENTFLOW_ENGINE_KEY || undefined;
    const token = given ?? `tml-${randomBytes(24).toString("base64url")}`;
    const tokenizer = resolve(await findModelPath(name));
    const server = tinkerServer({ engine, folder, token, model: name, tokenizer });
    const { url, close } = await listen(server, { port, host });
    screen.line(screen.good("serving"), `  ${name} (${engine.learns}, ${engine.contextLength} tokens) at ${url}`);
    screen.line(`  TINKER_BASE_URL=${url}`);
    screen.line(`  TINKER_API_KEY=${given === undefined ? token : "(that of AGENTFLOW_ENGINE_KEY)"}`);
    screen.line(screen.dim(`  checkpoints in ${folder}; Ctrl-C stops`));
    if (!interrupts.abortSignal.aborted) await once(interrupts.abortSignal, "abort");
    await close();
    return 0;
  } finally {
    interrupts.close();
    await engine.dispose();
  }
};

/**
 * Tries it, before anybody trains what could not be saved: in the folder, or where it will be made with the first
 * checkpoint. Throws `ConfigError`.
 */
const requireWritable = async (folder: string): Promise<void> => {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  try {
    const file = join(there, `.trial-${process.pid}`);
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

/** The key of a server is sent to it alone: that of our own is not read here. */
const requireKey = (): string => {
  const key = process.env.TINKER_API_KEY;
  if (key === undefined || key === "")
    throw new ConfigError("The server's key is missing: set TINKER_API_KEY, or any text for a server that needs none.");
  return key;
};

/** `agentflow engine probe`: what a server does where the protocol leaves it open. Returns 1 when nothing should be trained on it. */
const probe = async (url: string, { model, json }: LookOptions): Promise<number> => {
  const screen = openScreen({ json });
  const report = await probeServer({ url, apiKey: requireKey(), model });
  if (json) writeJson({ schemaVersion: 1, ...report, dialect: report.dialect ?? null });
  for (const finding of report.findings) showFinding(screen, finding);
  if (report.dialect === undefined)
    screen.line(screen.bad("no dialect fits"), "  its gradients would not be what was asked for");
  else screen.line(screen.good(report.dialect), "  is its dialect");
  return report.dialect === undefined ? 1 : 0;
};

/** Where a rule begins, after what became of it. */
const RULE = "broken ".length;
/** Cells of what is looked at, beside which is what was found; below it where there is no room for both. */
const WHAT = 56;

const showFinding = (screen: Screen, { what, found, means }: Finding): void => {
  const line = `${visible(what).padEnd(WHAT)} ${visible(found)}`;
  const beside = screen.width > WHAT + 20;
  const lines = beside ? hanging(line, screen.width, WHAT + 1) : [visible(what), ...below(screen, found, 4)];
  for (const one of lines) screen.line(one);
  if (means !== "") for (const one of below(screen, means, 4)) screen.line(screen.dim(one));
};

const below = ({ width }: Screen, text: string, indent: number): string[] =>
  wrap(visible(text), width - indent).map((line) => `${" ".repeat(indent)}${line}`);

/** `agentflow engine conformance`: each rule of the protocol. Returns 1 when one is broken. */
const conformance = async (url: string, { model, json }: LookOptions): Promise<number> => {
  const screen = openScreen({ json });
  const report = await checkConformance({ url, apiKey: requireKey(), model });
  if (json) writeJson({ schemaVersion: 1, ...report });
  for (const { rule, kept, found } of report.rows) {
    const [first = "", ...more] = below(screen, rule, RULE);
    screen.line(kept ? screen.good("kept  ") : screen.bad("broken"), first.slice("broken".length));
    for (const line of more) screen.line(line);
    if (found !== "") for (const line of below(screen, found, RULE + 1)) screen.line(line);
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
      "\nEnvironment: AGENTFLOW_ENGINE_KEY, the key that clients have to send\n(default: a new one, which is shown).",
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
