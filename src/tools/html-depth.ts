import { ToolError } from "../errors.ts";

/** Deeper than any page that people read; browsers nest no deeper than this either. */
const DEEPEST = 512;
const MOST_TAGS = 200_000;

/** Elements without an end tag, or whose end tag may be left out: they add no depth of their own. */
const OPEN = new Set(
  "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot option optgroup colgroup rt rp html head body".split(
    " ",
  ),
);
/** What stands in them is not markup. */
const RAW = new Set(["script", "style", "textarea", "title"]);

const isLetter = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
const isName = (code: number): boolean => isLetter(code) || (code >= 48 && code <= 57) || code === 45;

/**
 * Throws `ToolError` for HTML that nests more deeply, or has more tags, than a page that people read: what builds and
 * prints its tree would take time and stack that grow faster than the text. One pass over the characters, before any tree.
 */
export const requireShallow = (html: string, url: string): void => {
  let depth = 0;
  let tags = 0;
  for (let at = html.indexOf("<"); at >= 0; at = html.indexOf("<", at)) {
    if (html.startsWith("<!--", at)) {
      const end = html.indexOf("-->", at + 4);
      if (end < 0) return;
      at = end + 3;
      continue;
    }
    const closes = html.charCodeAt(at + 1) === 47;
    const start = at + (closes ? 2 : 1);
    let end = start;
    // No name that counts is longer.
    while (end < start + 32 && isName(html.charCodeAt(end))) end += 1;
    at = Math.max(end, at + 1);
    if (end === start || !isLetter(html.charCodeAt(start))) continue;
    tags += 1;
    if (tags > MOST_TAGS) throw new ToolError(`${url} has more than ${MOST_TAGS} tags; it was not read.`);
    const name = html.slice(start, end).toLowerCase();
    if (OPEN.has(name)) continue;
    depth = closes ? Math.max(0, depth - 1) : depth + 1;
    if (depth > DEEPEST) throw new ToolError(`${url} nests its elements more than ${DEEPEST} deep; it was not read.`);
    if (closes || !RAW.has(name)) continue;
    const after = indexOfEnd(html, name, at);
    if (after < 0) return;
    at = after;
  }
};

/** Where the end tag of a raw element begins, whatever its case. */
const indexOfEnd = (html: string, name: string, from: number): number => {
  for (let at = html.indexOf("</", from); at >= 0; at = html.indexOf("</", at + 2))
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  return -1;
};
