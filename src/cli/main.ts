#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command } from "commander";

/** The manifest stands two folders above both `src/cli` and `dist/cli`. */
const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
};

const program = new Command("agentflow")
  .description("Agents that learn in the flow.")
  .version(manifest.version)
  .helpCommand(true)
  .showHelpAfterError("(agentflow --help shows what is accepted)");

await program.parseAsync();
