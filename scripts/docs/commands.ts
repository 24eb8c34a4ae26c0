/**
 * Prints the commands and their options as Markdown, read from the command line's own program: what `--help` shows.
 * Started as a process of its own by `scripts/build-docs.ts`: the command line takes both streams, so it writes a file.
 */
import { writeFileSync } from "node:fs";
import { Command, type Option } from "commander";

const [out = ""] = process.argv.slice(2);

/** In a table, where a bar ends a cell and `<folder>` would be an element. */
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("\n", " ");
const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;

const detailOf = ({ description, argChoices, defaultValue }: Option): string => {
  const choices = argChoices === undefined ? [] : [`one of ${argChoices.map(code).join(", ")}`];
  const shown = defaultValue === undefined || typeof defaultValue === "boolean" ? [] : [`default: ${defaultValue}`];
  const more = [...choices, ...shown].join("; ");
  return `${cell(description)}${more === "" ? "" : ` (${more})`}`;
};

const sectionsOf = (command: Command, path: string): string[] => {
  const called = `${path} ${command.name()}`.trim();
  const options = command.options.filter(({ hidden }) => !hidden);
  const inner = command.commands.flatMap((sub) => sectionsOf(sub, called));
  if (command.commands.length > 0) return inner;
  const table = options.map((option) => `| ${code(option.flags)} | ${detailOf(option)} |`);
  const title = called.replace(/^agentflow /, "");
  return [
    `## ${title}\n`,
    `\`\`\`sh\nagentflow ${title} ${command.usage()}\n\`\`\`\n`,
    `${cell(command.description().replace(/^./, (first) => first.toUpperCase()))}.\n`,
    ...(table.length === 0 ? [] : ["| option | does |", "|---|---|", ...table, ""]),
  ];
};

// The program parses at the end of its file: it is taken from there.
let program: Command | undefined;
Command.prototype.parseAsync = async function (this: Command) {
  program = this;
  return this;
};
await import("../../src/cli/main.ts");
if (program === undefined) throw new Error("src/cli/main.ts parses no command");
writeFileSync(out, sectionsOf(program, "").join("\n"));
