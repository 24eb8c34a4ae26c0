import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Command } from "commander";
import { messageOf } from "../errors.ts";
import { agentServer } from "../server/app.ts";
import { listen } from "../server/listen.ts";
import { openServed, type ServedSetUpOptions } from "../server/open-served.ts";
import { names, positive, wholeNumber } from "./command-options.ts";
import { endAsked, pageAddress } from "./page-address.ts";
import { requireFolderAt } from "./places.ts";
import { labelled } from "./screen.ts";
import { openScreen, sideScreen, stdio, writeJson } from "./terminal.ts";

interface ServeOptions extends Omit<ServedSetUpOptions, "folder"> {
  readonly host: string;
  readonly port: number;
  readonly allowHost?: readonly string[];
  readonly out: string;
  readonly concurrency: number;
  readonly grace: number;
  readonly mcp: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** The name under which clients ask for the flow. */
const MODEL = "agentflow";

/** `agentflow serve`: the same models and tools as `solve`, for clients of OpenAI's protocols and of MCP. */
export const addServe = (command: Command): Command =>
  command
    .description("serve a flow to OpenAI and MCP clients; show runs, take feedback and learn from it")
    .option("--host <address>", "listen on this address", "127.0.0.1")
    .option("--port <number>", "listen on this port; 0 takes a free one", wholeNumber(0, 65_535), 8787)
    .option(
      "--allow-host <list>",
      "names under which other machines reach the server, such as agents.example.org",
      names,
    )
    .option("--learn", "learn from feedback; a new version is tried on a share of the requests first", false)
    .option("--every <number>", "with --learn: start a round after this many judgements", wholeNumber(1), 32)
    .option("--share <number>", "with --learn: share of the requests that a new version answers", positive, 0.1)
    .option("--concurrency <number>", "solve this many questions at once", wholeNumber(1, 1024), 64)
    .option("--grace <seconds>", "let answers finish for this long when the server ends", wholeNumber(0, 3600), 10)
    .option("--out <folder>", "folder of the runs", "runs")
    .option("--mcp", "speak MCP over stdin and stdout instead of HTTP", false)
    .option("--json", "print one JSON object with address and token to stdout", false)
    .option("--quiet", "print nothing", false)
    .addHelpText(
      "after",
      "AGENTFLOW_TOKEN sets the token that clients send as their key (default: a new\none, printed at the start).",
    )
    .action(async (options: ServeOptions, command: Command) => {
      for (const only of ["every", "share"])
        if (!options.learn && command.getOptionValueSource(only) === "cli")
          command.error(`error: --${only} needs --learn: without it nothing is learnt from feedback`);
      process.exitCode = await serve(options);
    });

const serve = async (options: ServeOptions): Promise<number> => {
  const { host, port, allowHost, out: folder, concurrency, grace, mcp, json, quiet } = options;
  const screen = openScreen({ json: json || mcp, quiet });
  const set = process.env.AGENTFLOW_TOKEN || undefined;
  const token = set ?? randomBytes(24).toString("base64url");
  await requireFolderAt(folder);
  const setUp = await openServed({ ...options, folder }, process.env);
  try {
    const shared = {
      flows: { [MODEL]: setUp.served },
      token,
      folder,
      concurrency,
      training: setUp.training,
      redact: setUp.redact,
      experience: setUp.experience,
      onFault: (error: unknown) => sideScreen().line(`fault     ${setUp.redact(messageOf(error))}`),
    };
    const server = mcp
      ? { url: undefined, ...(await agentServer(shared)) }
      : await listen({ ...shared, host, port, hosts: allowHost });
    setUp.keepIn(join(folder, server.run));
    const line = (label: string, text: string): void => labelled(screen, label, text, { most: 3 });
    line("planner", setUp.planner);
    line("kept in", join(folder, server.run));
    if (server.url !== undefined) {
      line("serving", `${server.url}/v1, model ${MODEL}${options.learn ? ", learning from feedback" : ""}`);
      line("open", pageAddress(server.url, set === undefined ? token : undefined));
      line("token", set === undefined ? token : "as AGENTFLOW_TOKEN says");
      line("end", "Ctrl-C: answers under way finish first");
      if (json)
        writeJson({
          schemaVersion: 1,
          url: server.url,
          page: pageAddress(server.url, token),
          token,
          model: MODEL,
          run: server.run,
        });
    }
    const client = stdio();
    try {
      await (mcp ? Promise.race([server.serveMcp(client), endAsked()]) : endAsked());
    } finally {
      await server.close({ graceSeconds: grace });
      client.leave();
    }
    return 0;
  } finally {
    await setUp.dispose();
  }
};
