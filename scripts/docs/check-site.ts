import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** What a built site has wrong: links to pages or headings that are not there, and requests to other hosts. */
export interface SiteReport {
  readonly faults: readonly string[];
  readonly files: number;
  readonly links: number;
}

/** Follows every link of every page in `dist`, which is served below `base`, to its file and to its heading. */
export const checkSite = (dist: string, base: string): SiteReport => {
  const files = (readdirSync(dist, { recursive: true }) as string[])
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => file.endsWith(".html"));
  const pages = new Map(files.map((file) => [file, readFileSync(join(dist, file), "utf8")]));
  const idsOf = new Map(
    [...pages].map(([file, html]) => [file, new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id = ""]) => id))]),
  );
  const faults: string[] = [];
  let links = 0;
  for (const [file, html] of pages) {
    for (const [, address = ""] of html.matchAll(
      /<(?:script|link|img|iframe)\b[^>]*?\s(?:src|href)="((?:https?:)?\/\/[^"]*)"/g,
    ))
      faults.push(`${file} loads ${address}, from another host`);
    for (const [, link = ""] of html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)) {
      if (/^(?:https?:|mailto:)/.test(link)) continue;
      links += 1;
      const [path = "", anchor = ""] = link.replaceAll("&amp;", "&").split("#");
      const below = path.startsWith(base) ? path.slice(base.length) : posix.join(posix.dirname(file), path);
      const target = path === "" ? file : below === "" || below.endsWith("/") ? `${below}index.html` : below;
      const page = pages.has(target) ? target : `${target}.html`;
      if (!pages.has(page)) {
        if (!existsSync(join(dist, target))) faults.push(`${file} links to ${link}, which does not exist`);
      } else if (anchor !== "" && idsOf.get(page)?.has(decodeURIComponent(anchor)) !== true)
        faults.push(`${file} links to ${link}: the page has no such heading`);
    }
  }
  return { faults: [...new Set(faults)], files: files.length, links };
};
