import type { parseHTML } from "linkedom";
import { ToolError } from "../errors.ts";
import { fieldOfText } from "../number-text.ts";
import { optionalPackage } from "../optional-package.ts";
import { defined } from "../options.ts";
import type { Field } from "../tool.ts";
import { requireShallow } from "./html-depth.ts";

type Document = ReturnType<typeof parseHTML>["document"];

/** A page as text, in sections. */
export interface ReadablePage {
  readonly title: string;
  /** The first one has no heading where the page begins with text. */
  readonly sections: readonly { readonly heading: string; readonly text: string }[];
  /** What tables of two columns state, by a short name. */
  readonly fields: Readonly<Record<string, Field>>;
  /** Where the page sends its readers on to, at once or within some seconds. */
  readonly movedTo?: string;
}

/** The readable part of an HTML page, of a PDF, or of a text. Throws `ToolError` for what is none of these. */
export const readablePage = async (body: Buffer, contentType: string, url: string): Promise<ReadablePage> => {
  const type = contentType.toLowerCase();
  if (type.includes("pdf") || body.subarray(0, 5).toString("latin1") === "%PDF-") return pdfPage(body, url);
  const text = decode(body, type);
  if (type.includes("html") || /^\s*<(?:!doctype|html)/i.test(text)) return htmlPage(text, url);
  if (type === "" || /text|json|xml|javascript|csv/.test(type)) return textPage(text, url);
  throw new ToolError(`${url} is ${type.split(";")[0]}, which cannot be read as text.`);
};

const decode = (body: Buffer, type: string): string => {
  // A mark at the beginning tells more than a name, as in browsers.
  const named =
    markedEncoding(body) ??
    /charset=["']?([\w-]+)/.exec(type)?.[1] ??
    // A name that can be read at all is not that of an encoding with two bytes a letter.
    /<meta[^<>]+charset=["']?((?!utf-16)[\w-]+)/i.exec(body.subarray(0, 2048).toString("latin1"))?.[1];
  for (const encoding of named === undefined ? [] : [named])
    try {
      return new TextDecoder(encoding).decode(body);
    } catch {
      // An unknown name: most of the text can still be read.
    }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    // Not UTF-8, and it says nothing: what browsers take then.
    return new TextDecoder(named === undefined ? "windows-1252" : "utf-8").decode(body);
  }
};

/** The encoding that a mark at the beginning names, or zeros beside the first letters of markup. */
const markedEncoding = ([first, second, third]: Buffer): string | undefined => {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0x3c && second === 0) return "utf-16le";
  return first === 0 && second === 0x3c ? "utf-16be" : undefined;
};

const htmlPage = async (html: string, url: string): Promise<ReadablePage> => {
  const { parseHTML } = await optionalPackage("linkedom", () => import("linkedom"));
  const { Readability } = await optionalPackage("@mozilla/readability", () => import("@mozilla/readability"));
  const { default: Turndown } = await optionalPackage("turndown", () => import("turndown"));
  requireShallow(html, url);
  const { document } = parseHTML(html);
  const fields = pairsOf(document);
  const movedTo = refreshOf(document, url);
  for (const gone of document.querySelectorAll("script, style, noscript, template, iframe")) gone.remove();
  const whole = (document.body as { innerHTML?: string } | null)?.innerHTML ?? html;
  const title = (document.title ?? "").trim();
  const article = new Readability(document, { charThreshold: 200 }).parse();
  const turndown = new Turndown({ headingStyle: "atx", codeBlockStyle: "fenced" });
  turndown.addRule("links", { filter: "a", replacement: (content: string) => content });
  turndown.addRule("images", { filter: "img", replacement: () => "" });
  const markdown = turndown.turndown(article?.content ?? whole);
  return {
    title: article?.title?.trim() || title || url,
    sections: sectionsOf(markdown),
    fields,
    ...defined({ movedTo }),
  };
};

/** Seconds after which a page that loads itself anew, or another one, is still read. */
const AT_ONCE = 5;

/** The address of `<meta http-equiv="refresh" content="0; url=/next">`. */
const refreshOf = (document: Document, url: string): string | undefined => {
  for (const meta of document.querySelectorAll("meta[http-equiv]")) {
    if (meta.getAttribute("http-equiv")?.toLowerCase() !== "refresh" || meta.closest("noscript") !== null) continue;
    const content = meta.getAttribute("content") ?? "";
    const end = content.search(/[;,]/);
    const address = content
      .slice(end + 1)
      .trim()
      .replace(/^url\s*=\s*/i, "")
      .replace(/^["']|["']$/g, "");
    const target = end >= 0 && address !== "" && URL.canParse(address, url) ? new URL(address, url) : undefined;
    if (target === undefined || Number.parseFloat(content) > AT_ONCE) continue;
    target.hash = "";
    if (target.href !== url.replace(/#.*$/su, "")) return target.href;
  }
  return undefined;
};

const pdfPage = async (body: Buffer, url: string): Promise<ReadablePage> => {
  const { extractText, getDocumentProxy } = await optionalPackage("unpdf", () => import("unpdf"));
  try {
    const document = await getDocumentProxy(new Uint8Array(body), { verbosity: 0 });
    const { text } = await extractText(document, { mergePages: false });
    const pages = text.slice(0, 200).map((page, i) => ({ heading: `Page ${i + 1}`, text: page.trim() }));
    return { title: url.split("/").at(-1) ?? url, sections: pages, fields: {} };
  } catch (cause) {
    throw new ToolError(`${url} is a PDF that cannot be read.`, { cause });
  }
};

const textPage = (text: string, url: string): ReadablePage => ({
  title: url.split("/").at(-1) || url,
  sections: sectionsOf(text),
  fields: {},
});

/** Markdown by its headings. */
const sectionsOf = (markdown: string): ReadablePage["sections"] => {
  const sections: { heading: string; text: string }[] = [];
  let current = { heading: "", text: "" };
  for (const line of markdown.split(/\r?\n/)) {
    const heading = headingOf(line);
    if (heading === undefined) current.text += `${line}\n`;
    else {
      sections.push(current);
      current = { heading, text: "" };
    }
  }
  return [...sections, current]
    .map(({ heading, text }) => ({ heading, text: text.replace(/\n{3,}/g, "\n\n").trim() }))
    .filter(({ heading, text }) => heading !== "" || text !== "");
};

/** The words of a heading, without the marks around them; undefined for any other line. */
const headingOf = (line: string): string | undefined => {
  const mark = /^#{1,4}\s+(?=\S)/.exec(line)?.[0];
  if (mark === undefined) return undefined;
  const words = line.slice(mark.length).trimEnd();
  // A heading that is nothing but marks is called by the first of them.
  return words.replace(/(?<!#)#+$/, "").trimEnd() || words.slice(0, 1);
};

const MOST_FIELDS = 40;
/** Names that mean something to a flow (`value` is an answer) or to the tool (`title`): a page's row of that name is `page_value`. */
const RESERVED: ReadonlySet<string> = new Set(["value", "title"]);

const pairsOf = (document: Document): Record<string, Field> => {
  const fields: Record<string, Field> = {};
  for (const row of document.querySelectorAll("table tr, dl > div")) {
    const cells = [...row.querySelectorAll("th, td, dt, dd")].map((cell) =>
      (cell.textContent ?? "").replace(/\s+/g, " ").trim(),
    );
    const [name = "", value = ""] = cells;
    if (cells.length !== 2 || name === "" || value === "" || name.length > 40 || value.length > 120) continue;
    const plain = name
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "_")
      .replace(/^_+|(?<!_)_+$/g, "");
    const key = RESERVED.has(plain) ? `page_${plain}` : plain;
    if (key === "" || Object.hasOwn(fields, key) || key === "__proto__") continue;
    fields[key] = fieldOfText(value);
    if (Object.keys(fields).length >= MOST_FIELDS) break;
  }
  return fields;
};
