/** The reference, from the code: interfaces as TypeDoc wrote them, commands, configuration and errors. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** TypeDoc names the module of `src/index.ts` so; the site has a page of that name for the overview. */
const ROOT_MODULE = "index";

/** What an entry of the package is, as the first comment of its `index.ts` says. */
const aboutEntry = (root: string, name: string): string => {
  const path = name === ROOT_MODULE ? "src/index.ts" : `src/${name}/index.ts`;
  const [, about = ""] = /^\/\*\* (.*?) \*\//s.exec(readFileSync(join(root, path), "utf8")) ?? [];
  return about.replace(/\n \* ?/g, " ");
};

/** A column that says `readonly` in every row says nothing. */
const withoutModifiers = (text: string): string =>
  text.replace(/(?:^\|.*\n)+/gm, (table) => {
    const rows = table.trimEnd().split("\n");
    if (!/^\| Property \| Modifier \|/.test(rows[0] ?? "")) return table;
    const cellsOf = (row: string): string[] => row.split(/(?<!\\)\|/);
    if (!rows.slice(2).every((row) => /^ (?:`readonly`|-) $/.test(cellsOf(row)[2] ?? ""))) return table;
    return `${rows.map((row) => cellsOf(row).toSpliced(2, 1).join("|")).join("\n")}\n`;
  });

/** TypeDoc numbers a heading whose name another one has in other letters; the site numbers none of them. */
const withPlainAnchors = (text: string): string => {
  const titles = [...text.matchAll(/^#+ (\w+)(?:\(\))?$/gm)].map(([, title = ""]) => title.toLowerCase());
  return text.replace(/\]\(#(\w+)-1\)/g, (link, name: string) =>
    titles.filter((title) => title === name).length > 1 ? link : `](#${name})`,
  );
};

/** The pages of the interfaces: each module under the name by which it is imported, and an overview. */
const writeInterfaces = (root: string, api: string): void => {
  const modules = (readdirSync(api, { recursive: true }) as string[])
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .map((file) => file.replace(/\.md$/, "").replaceAll("\\", "/"))
    .sort((a, b) => (a === ROOT_MODULE ? -1 : b === ROOT_MODULE ? 1 : a.localeCompare(b)));
  const imported = (name: string): string => (name === ROOT_MODULE ? "agentflow" : `agentflow/${name}`);
  const pageOf = (name: string): string => (name === ROOT_MODULE ? "agentflow" : name);
  for (const name of modules) {
    const text = readFileSync(join(api, `${name}.md`), "utf8")
      .replace(/^# .*\n/, `# ${imported(name)}\n\n${aboutEntry(root, name)}\n`)
      .replaceAll(/\]\(((?:\.\.\/)*)index\.md/g, "]($1agentflow.md");
    writeFileSync(join(api, `${name}.md`), withPlainAnchors(withoutModifiers(text)));
  }
  renameSync(join(api, `${ROOT_MODULE}.md`), join(api, "agentflow.md"));
  const rows = modules.map((name) => `| [\`${imported(name)}\`](./${pageOf(name)}.md) | ${aboutEntry(root, name)} |`);
  const overview = [
    "# API reference",
    "",
    "Made from the doc comments of the code. Every function has an example that is compiled with the tests.",
    "",
    "| import | has |",
    "|---|---|",
    ...rows,
  ];
  writeFileSync(join(api, "index.md"), `${overview.join("\n")}\n`);
};

/** The part of a module's page about one export, without its title. */
const sectionOf = (api: string, module: string, name: string): string => {
  const page = readFileSync(join(api, `${module}.md`), "utf8");
  const lines = page.split("\n");
  const start = lines.findIndex((line) => line === `### ${name}` || line === `### ${name}()`);
  if (start < 0) throw new Error(`agentflow exports no ${name}`);
  const length = lines.slice(start + 1).findIndex((line) => line === "***" || line.startsWith("## "));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
};

/** The properties of an interface as a table, with links as seen from `reference/`. */
const propertiesOf = (api: string, module: string, name: string): string => {
  const [table = ""] = /^\| Property \|.*\n(?:\|.*\n?)+/m.exec(sectionOf(api, module, name)) ?? [];
  if (table === "") throw new Error(`${name} has no properties`);
  return table
    .replaceAll(/<a id="[^"]*"><\/a> /g, "")
    .replaceAll("](#", `](../api/${module}.md#`)
    .replaceAll(/\]\((?!\.\.)(\w[\w/-]*\.md)/g, "](../api/$1");
};

/** A union of names as a list. */
const namesIn = (api: string, module: string, name: string): string =>
  [...(/```ts\n(.*?)```/s.exec(sectionOf(api, module, name))?.[1] ?? "").matchAll(/"([^"]+)"/g)]
    .map(([, each]) => `\`${each}\``)
    .join(", ");

/** Every class of errors, and what it is for. */
const errorsTable = (api: string): string => {
  const names = [...readFileSync(join(api, "agentflow.md"), "utf8").matchAll(/^### (\w+Error)$/gm)].map(
    ([, name = ""]) => name,
  );
  const rows = names.map((name) => {
    const [about = ""] = sectionOf(api, "agentflow", name).trim().split("\n\n");
    return `| [\`${name}\`](../api/agentflow.md#${name.toLowerCase()}) | ${about.replaceAll("\n", " ")} |`;
  });
  return ["| class | thrown for |", "|---|---|", ...rows].join("\n");
};

/** Writes the reference into `pages`, where TypeDoc's pages already are in `api`. */
export const writeReference = (root: string, pages: string): void => {
  const api = join(pages, "api");
  writeInterfaces(root, api);
  const reference = join(pages, "reference");
  mkdirSync(reference);
  const commands = join(reference, "commands.txt");
  execFileSync(process.execPath, ["--import", "tsx", join(root, "scripts/docs/commands.ts"), commands], { cwd: root });
  const templates = join(root, "web/docs/reference");
  for (const name of readdirSync(templates)) {
    const text = readFileSync(join(templates, name), "utf8")
      .replace("<!-- commands -->", () => readFileSync(commands, "utf8"))
      .replace("<!-- errors -->", () => errorsTable(api))
      .replaceAll(/<!-- properties (\S+) (\w+) -->/g, (_, module, interfaceName) =>
        propertiesOf(api, module, interfaceName),
      )
      .replaceAll(/<!-- names (\S+) (\w+) -->/g, (_, module, union) => namesIn(api, module, union));
    writeFileSync(join(reference, name), text);
  }
};
