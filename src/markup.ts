/** A piece of HTML or SVG whose texts are escaped already. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | undefined | false | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Characters that no XML may hold: control characters but white space, and halves of letters. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|\p{Surrogate}|[\ufffe\uffff]/gu;

const escaped = (text: string): string =>
  text.replace(FORBIDDEN, "\ufffd").replace(/[&<>"']/g, (letter) => entities[letter] ?? "");

const written = (part: Part): string => {
  if (part === undefined || part === false) return "";
  if (typeof part === "string") return escaped(part);
  if (typeof part === "number") return String(part);
  return "markup" in part ? part.markup : part.map(written).join("");
};

/** HTML or SVG from a template: whatever is put in is escaped, unless it is markup itself. */
export const markup = (texts: TemplateStringsArray, ...parts: readonly Part[]): Markup => ({
  markup: texts.map((text, i) => text + written(parts[i])).join(""),
});

export interface PageParts {
  readonly title: string;
  /** CSS, as it is written into the page. */
  readonly style: string;
  /** What wrote it, so that it knows its own pages again. */
  readonly generator: string;
  readonly body: Markup;
}

const generatorMark = (generator: string): Markup => markup`<meta name="generator" content="${generator}">`;

/** A page that stands alone: one file, no script, nothing fetched. */
export const pageOf = ({ title, style, generator, body }: PageParts): string =>
  `<!doctype html>\n${
    markup`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">${generatorMark(generator)}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${{ markup: style }}</style></head>
<body>${body}</body></html>`.markup
  }\n`;

/** Whether a text is a page that this generator wrote. */
export const isPageOf = (generator: string, text: string): boolean => text.includes(generatorMark(generator).markup);
