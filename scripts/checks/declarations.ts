import { dirname, resolve } from "node:path";
import { parseSync } from "oxc-parser";

/** What a declaration file declares under a name, and the names of types that it mentions. */
export interface Declared {
  readonly name: string;
  readonly mentions: ReadonlySet<string>;
}

/** A name of another file. */
interface Elsewhere {
  readonly path: string;
  readonly name: string;
}

export interface Declarations {
  readonly declared: ReadonlyMap<string, Declared>;
  /** By the name here: names of other files of the project. */
  readonly imported: ReadonlyMap<string, Elsewhere>;
  readonly reExported: ReadonlyMap<string, Elsewhere>;
  readonly exported: ReadonlySet<string>;
}

interface Syntax {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isSyntax = (value: unknown): value is Syntax =>
  typeof value === "object" && value !== null && typeof (value as Syntax).type === "string";
const listOf = (value: unknown): readonly Syntax[] => (Array.isArray(value) ? value.filter(isSyntax) : []);
const nameOf = (value: unknown): string => (isSyntax(value) ? String(value.name ?? value.value ?? "") : "");

/** `../tool.ts` of a declaration, as the path of the declaration that it names; undefined for a package. */
const pathOf = (file: string, source: unknown): string | undefined => {
  const text = isSyntax(source) ? String(source.value) : "";
  return text.startsWith(".") ? resolve(dirname(file), text.replace(/\.[jt]s$/, ".d.ts")) : undefined;
};

/** Names of types in a declaration, but for its type parameters. */
const mentionsOf = (declaration: Syntax): Set<string> => {
  const found = new Set<string>();
  const parameters = new Set<string>();
  const first = (name: unknown): string =>
    isSyntax(name) && name.type === "TSQualifiedName" ? first(name.left) : nameOf(name);
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const each of value) visit(each);
    if (!isSyntax(value) || value.type === "TSTypeQuery") return;
    if (value.type === "TSTypeParameter") parameters.add(nameOf(value.name));
    if (value.type === "TSMappedType") parameters.add(nameOf(value.key));
    if (value.type === "TSTypeReference") found.add(first(value.typeName));
    if (value.type === "TSInterfaceHeritage" || value.type === "TSClassImplements") found.add(first(value.expression));
    for (const inner of Object.values(value)) visit(inner);
  };
  visit(declaration);
  return new Set([...found].filter((name) => !parameters.has(name)));
};

/** The names of one file of declarations: what it declares, takes from others and exports. */
export const declarationsIn = (file: string, text: string): Declarations => {
  const declared = new Map<string, Declared>();
  const imported = new Map<string, Elsewhere>();
  const reExported = new Map<string, Elsewhere>();
  const exported = new Set<string>();
  const declare = (declaration: Syntax, isExported: boolean): void => {
    const parts = declaration.type === "VariableDeclaration" ? listOf(declaration.declarations) : [declaration];
    for (const part of parts) {
      const name = nameOf(part.id);
      declared.set(name, { name, mentions: new Set([...(declared.get(name)?.mentions ?? []), ...mentionsOf(part)]) });
      if (isExported) exported.add(name);
    }
  };
  for (const statement of listOf(parseSync(file, text).program.body)) {
    const path = pathOf(file, statement.source);
    if (statement.type === "ImportDeclaration") {
      for (const { local, imported: of } of listOf(statement.specifiers))
        if (path !== undefined) imported.set(nameOf(local), { path, name: nameOf(of) });
    } else if (statement.type === "ExportNamedDeclaration" && isSyntax(statement.declaration)) {
      declare(statement.declaration, true);
    } else if (statement.type === "ExportNamedDeclaration") {
      for (const { local, exported: as } of listOf(statement.specifiers)) {
        exported.add(nameOf(as));
        if (path !== undefined) reExported.set(nameOf(as), { path, name: nameOf(local) });
        else if (nameOf(as) !== nameOf(local)) reExported.set(nameOf(as), { path: file, name: nameOf(local) });
      }
    } else if (statement.type === "ExportAllDeclaration") {
      throw new Error(`${file} exports all of another file: a public list names what it exports.`);
    } else declare(statement, false);
  }
  return { declared, imported, reExported, exported };
};
