/** The pages that people wrote, as the site has them: `docs/`, and what stands at the root, with links that fit the site. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/** Files of the root that are pages, too. */
const rootPages: Readonly<Record<string, string>> = {
  "LOG.md": "log.md",
  "ARCHITECTURE.md": "architecture.md",
  "CONTRIBUTING.md": "contributing.md",
};

/** Where the site shows a file or folder of the repository; undefined for what it does not show. */
const pageOf = (path: string): string | undefined => {
  if (rootPages[path] !== undefined) return rootPages[path];
  if (path === "README.md") return "index.md";
  if (path === "examples") return "examples.md";
  if (path.startsWith("examples/"))
    return `examples.md#${posix
      .basename(path, ".ts")
      .replace(/[^a-z]+/g, "-")
      .toLowerCase()}`;
  return path.startsWith("docs/") ? path.slice("docs/".length) : undefined;
};

/** Links from `file` of the repository as links between pages. What the site does not show keeps its text alone. */
const relinked = (root: string, file: string, text: string): string =>
  text.replace(
    /(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)/g,
    (link, bang: string, label: string, target: string, anchor = "") => {
      const path = posix.join(posix.dirname(file), target);
      if (!existsSync(join(root, path))) throw new Error(`${file} links to ${target}, which does not exist`);
      const page = pageOf(path);
      if (page === undefined) return label.includes("`") || bang !== "" ? label : `\`${label}\``;
      return file.startsWith("docs/") && path.startsWith("docs/")
        ? link
        : `${bang}[${label}](./${page}${page.includes("#") ? "" : anchor})`;
    },
  );

/** The short programs of `examples`, whole, and the configurations of its projects. */
const examplesPage = (root: string): string => {
  const folder = join(root, "examples");
  const names = readdirSync(folder, { withFileTypes: true });
  const read = (path: string): string => readFileSync(join(folder, path), "utf8");
  const programs = names
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map(({ name }) => {
      const [, about = "", code = ""] = /^\/\*\* (.*?) \*\/\n(.*)$/s.exec(read(name)) ?? ["", "", read(name)];
      const title = name.replace(/\.ts$/, "");
      return `## ${title}\n\n${about.replace(/\n \* ?/g, " ")}\n\n\`\`\`sh\nnpx tsx examples/${name}\n\`\`\`\n\n\`\`\`ts\n${code.trim()}\n\`\`\`\n`;
    });
  const projects = names
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const files = readdirSync(join(folder, name)).filter((file) => !file.startsWith("node_modules"));
      return `## ${name}\n\nA whole project in \`examples/${name}\`: ${files.map((file) => `\`${file}\``).join(", ")}.\n\n\`\`\`sh\nnpx agentflow learn --config examples/${name}/agentflow.config.ts\n\`\`\`\n\n\`\`\`ts\n${read(`${name}/agentflow.config.ts`).trim()}\n\`\`\`\n`;
    });
  return `# Examples\n\nPrograms that run as they are, in a checkout.\n\n${[...programs, ...projects].join("\n")}`;
};

/** Writes them into `pages`, with the pictures beside them and the start page of the site. */
export const writePages = (root: string, pages: string): void => {
  mkdirSync(pages, { recursive: true });
  cpSync(join(root, "web/docs/home.md"), join(pages, "index.md"));
  for (const [file, page] of Object.entries(rootPages))
    writeFileSync(join(pages, page), relinked(root, file, readFileSync(join(root, file), "utf8")));
  for (const name of readdirSync(join(root, "docs"), { recursive: true }) as string[]) {
    const file = join(root, "docs", name);
    const target = join(pages, name);
    mkdirSync(dirname(target), { recursive: true });
    if (name.endsWith(".md")) writeFileSync(target, relinked(root, `docs/${name}`, readFileSync(file, "utf8")));
    else if (/\.\w+$/.test(name)) cpSync(file, target);
  }
  writeFileSync(join(pages, "examples.md"), examplesPage(root));
};
