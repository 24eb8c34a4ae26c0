import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, it } from "vitest";
import { publicFunctions } from "./public-functions.ts";

const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-snippets-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

const read = (file: string): string => readFileSync(join(root, file), "utf8");

interface Snippet {
  readonly where: string;
  readonly code: string;
}

const snippets = ["README.md", ...filesIn("docs", ".md")].flatMap((file): Snippet[] =>
  [...read(file).matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""], i) => ({ where: `${file} #${i + 1}`, code })),
);
/** What imports nothing is a part of a program, which is type-checked as a whole. */
const isProgram = ({ code }: Snippet): boolean => /^import /m.test(code);

/** Type-checks the project that `init` writes and all given programs beside it. */
const typeErrors = async (programs: readonly Snippet[]): Promise<string> => {
  cpSync(join(root, "data/project"), scratch, { recursive: true });
  symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"));
  writeFileSync(join(scratch, "package.json"), '{"type":"module"}');
  for (const [i, { where, code }] of programs.entries())
    writeFileSync(join(scratch, `snippet-${i}.ts`), `// ${where}\n${code}\nexport {};\n`);
  const options = {
    ...JSON.parse(readFileSync(join(scratch, "tsconfig.json"), "utf8")).compilerOptions,
    lib: ["ES2023"],
    types: ["node"],
    paths: { agentflow: [join(root, "src/index.ts")], "agentflow/*": [join(root, "src/*/index.ts")] },
  };
  writeFileSync(join(scratch, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["*.ts"] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  return promisify(execFile)(process.execPath, [tsc, "-p", scratch], { cwd: scratch }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
};

/** Of a doc comment: short enough to be read, long enough to show a use. */
const MOST_LINES = 12;

it("shows an example of each public function", async () => {
  const functions = await publicFunctions();
  expect(functions.length).toBeGreaterThan(100);
  const bare = functions.filter(({ example }) => example === undefined);
  expect(bare.map(({ file, name }) => `${file} ${name}`)).toEqual([]);
  const long = functions.filter(({ example = "" }) => example.split("\n").length - 1 > MOST_LINES);
  expect(long.map(({ file, name }) => `${file} ${name}`)).toEqual([]);
  const other = functions.filter(({ example = "", name }) => !new RegExp(`\\b${name}\\b`).test(example));
  expect(other.map(({ file, name }) => `${file} ${name}`)).toEqual([]);
});

it("type-checks what is shown, in documents and doc comments, and the project that init writes", {
  timeout: 120_000,
}, async () => {
  const broken = { where: "a broken one", code: 'import { tool } from "agentflow";\nconst wrong: string = tool;\n' };
  const documents = snippets.filter(isProgram);
  const examples = (await publicFunctions()).flatMap(({ file, name, example }): Snippet[] =>
    example === undefined ? [] : [{ where: `${file} ${name}`, code: example }],
  );
  expect(documents.length).toBeGreaterThan(1);
  const programs = [...documents, ...examples];
  const errors = (await typeErrors([...programs, broken]))
    .split("\n")
    .filter((line) => /^\S+\.ts\(/.test(line))
    .map((line) => line.replace(/^snippet-(\d+)\.ts/, (name, i) => programs[Number(i)]?.where ?? name));
  // The broken one is found, and nothing else is.
  expect(errors).toEqual([expect.stringMatching(new RegExp(`^snippet-${programs.length}\\.ts\\(3,`))]);
});

it("shows parts of programs as they are", () => {
  const sources = [...filesIn("examples", ".ts"), ...filesIn("data/project", ".ts")].map((file) =>
    read(file).split("\n"),
  );
  for (const { where, code } of snippets.filter((snippet) => !isProgram(snippet))) {
    const lines = code.split("\n").filter((line) => line !== "");
    const found = sources.some((source) => lines.every((line) => source.includes(line)));
    expect(found, `${where} is in no example`).toBe(true);
  }
});
