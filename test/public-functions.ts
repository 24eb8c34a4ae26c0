import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");

/** A function that the package exports, where it is declared, and the example of its doc comment. */
export interface PublicFunction {
  readonly name: string;
  /** `src/flow/flow.ts` */
  readonly file: string;
  readonly example: string | undefined;
}

/** Where a name is declared that a file exports: there, or where the file has it from. */
const declarationOf = (file: string, name: string): { readonly file: string; readonly doc: string } => {
  const text = readFileSync(join(root, file), "utf8");
  const declared = new RegExp(
    `(/\\*\\*(?:[^*]|\\*(?!/))*\\*/\\n)?^export (?:async )?(?:const|function) ${name}\\b`,
    "m",
  ).exec(text);
  if (declared !== null) return { file, doc: declared[1] ?? "" };
  for (const [, names = "", path = ""] of text.matchAll(/(?:import|export) \{([^}]*)\} from "(\.[^"]*)"/g))
    if (names.split(",").some((each) => each.trim() === name))
      return declarationOf(join(dirname(file), path).replaceAll("\\", "/"), name);
  throw new Error(`${file} exports ${name}, which is declared nowhere`);
};

const exampleOf = (doc: string): string | undefined => {
  const lines = doc.split("\n").map((line) => line.replace(/^ \* ?/, ""));
  const start = lines.indexOf("```ts", lines.indexOf("@example"));
  const end = lines.indexOf("```", start);
  return lines.includes("@example") && start >= 0 && end > start
    ? `${lines.slice(start + 1, end).join("\n")}\n`
    : undefined;
};

const isClass = (value: unknown): boolean => typeof value === "function" && /^class\b/.test(String(value));

/** All functions that the entry points of package.json export, each once. */
export const publicFunctions = async (): Promise<readonly PublicFunction[]> => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly default: string }>>;
  };
  const found = new Map<string, PublicFunction>();
  for (const { default: built } of Object.values(exports)) {
    const entry = built.replace("./dist/", "src/").replace(/\.js$/, ".ts");
    const values = (await import(pathToFileURL(resolve(root, entry)).href)) as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== "function" || isClass(value)) continue;
      const { file, doc } = declarationOf(entry, name);
      found.set(`${file} ${name}`, { name, file, example: exampleOf(doc) });
    }
  }
  return [...found.values()];
};
