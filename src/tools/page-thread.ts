/** What a thread does with untrusted pages and documents: see `threads.ts`. */
import { ToolError } from "../errors.ts";
import { defined } from "../options.ts";
import { bestPassages, passagesOf } from "./passages.ts";
import { type ReadablePage, readablePage } from "./readable.ts";

export interface PageInput {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly url: string;
}

export interface PassagesInput {
  readonly text: string;
  readonly query: string;
  readonly count: number;
}

const MOST_SECTIONS = 2000;
/** Characters of a page, all sections together. */
const LONGEST_PAGE = 8_000_000;

/** A page in sections, cut to the number and length that a reader can use. */
export const read = async ({ body, contentType, url }: PageInput): Promise<ReadablePage> => {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const { title, sections, fields, movedTo } = await readablePage(bytes, contentType, url);
  let room = LONGEST_PAGE;
  const take = (said: string): string => {
    const cut = said.slice(0, room);
    room -= cut.length;
    return cut;
  };
  // Headings are cut to what is shown only after secrets are taken out.
  const kept = sections
    .slice(0, MOST_SECTIONS)
    .map(({ heading, text }) => ({ heading: take(heading), text: take(text) }));
  return { title: take(title), sections: kept, fields, ...defined({ movedTo }) };
};

/** The passages of a text that fit a query best. */
export const passages = ({ text, query, count }: PassagesInput): string[] =>
  bestPassages(passagesOf(text), query, count);

/** A document as passages, for an index. */
export const document = async (input: PageInput): Promise<string[]> => {
  if (input.body.byteLength === 0) throw new ToolError(`${input.url} is empty.`);
  const { sections } = await read(input);
  return sections.flatMap(({ heading, text }) => passagesOf(`${heading} ${text}`));
};
