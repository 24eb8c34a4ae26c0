import { mkdtempSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, deflateRawSync, deflateSync } from "node:zlib";
import { corpusSearch } from "../../src/tools/corpus-search.ts";
import { findPassages, readPage } from "../../src/tools/read-page.ts";
import { readablePage } from "../../src/tools/readable.ts";
import type { Entrance } from "./stall-entrance.ts";

const START = "<!doctype html><html><body>";
const page = (name: string, text: string | Uint8Array, contentType = "text/html", seconds = 2): Entrance => ({
  name: `page: ${name}`,
  text,
  seconds: seconds,
  run: (abortSignal) =>
    readPage(
      { body: Buffer.from(text as string), contentType, url: "https://example.org/page" },
      { abortSignal, seconds },
    ),
});

/** A PDF of one page with this stream as its contents. */
const pdf = (stream: Uint8Array, dictionary = "/Filter/FlateDecode"): Uint8Array => {
  const objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
    `<</Length ${stream.length}${dictionary}>>`,
    "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
  ];
  let file = Buffer.from("%PDF-1.4\n", "latin1");
  const offsets: number[] = [];
  for (const [i, object] of objects.entries()) {
    offsets.push(file.length);
    const data = i === 3 ? [Buffer.from("stream\n"), stream, Buffer.from("\nendstream\n")] : [];
    file = Buffer.concat([file, Buffer.from(`${i + 1} 0 obj\n${object}\n`), ...data, Buffer.from("endobj\n")]);
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const end = `xref\n0 6\n0000000000 65535 f \n${table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n${file.length}\n%%EOF`;
  return Buffer.concat([file, Buffer.from(end)]);
};
/** A stream that unpacks to n times 16 MB of spaces, packed once. */
const SPACES = deflateRawSync(Buffer.alloc(2 ** 24, 32), { finishFlush: constants.Z_SYNC_FLUSH, level: 1 });
const spaces = (times: number): Uint8Array =>
  Buffer.concat([
    Buffer.from([0x78, 0x9c]),
    ...Array.from({ length: times }, () => SPACES),
    Buffer.from([3, 0, 0, 0, 0, 0]),
  ]);
const text = (content: string): Uint8Array => deflateSync(Buffer.from(`BT /F1 9 Tf ${content} ET`));

const corpus = (name: string, files: Readonly<Record<string, string | Uint8Array>>): Entrance => ({
  name: `corpus: ${name}`,
  text: Object.values(files)[0] ?? "",
  seconds: 3,
  run: async (abortSignal) => {
    const folder = mkdtempSync(join(tmpdir(), "agentflow-stall-"));
    const tool = corpusSearch({ folder });
    try {
      for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
      return await tool.execute({ query: "notice period" }, { abortSignal });
    } finally {
      tool.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** Pages, documents and corpora that are made to take for ever. */
export const pageEntrances: readonly Entrance[] = [
  page("nested div, 5 kB", `${START}${"<div>".repeat(1000)}`),
  page("nested div, 4 MB", `${START}${"<div>".repeat(800_000)}`),
  page("nested div at the limit", `${START}${"<div>".repeat(510)}text`),
  page("nested formatting", `${START}${"<b><i>".repeat(250)}text`),
  page("nested tables", `${START}${"<table><tr><td>".repeat(400)}text`),
  page("nested lists", `${START}${"<ul><li>".repeat(400)}text`),
  page("nested quotes", `${START}${"<blockquote>".repeat(500)}text`),
  page("open paragraphs", `${START}${"<p>".repeat(100_000)}text`),
  page("paragraphs", `${START}${"<p>word</p>".repeat(90_000)}`),
  page("Value cells", `${START}<table>${"<tr><th>Value<td>666</tr>".repeat(60_000)}</table>`),
  page("wide cells", `${START}<table>${`<tr><th>Value<td>${" ".repeat(50_000)}x</tr>`.repeat(40)}</table>`),
  page("attributes", `${START}<p ${"a=1 ".repeat(800_000)}>`),
  page("entities", `${START}<p>${"&amp;".repeat(700_000)}`),
  page("line breaks", `${START}<p>${"x<br>".repeat(150_000)}`),
  page("links", `${START}${"<div><a href=x>y</a></div>".repeat(40_000)}`),
  page("open tags without an end", `${START}${"<a".repeat(1_000_000)}`),
  page("comments without an end", `${START}${"<!--".repeat(500_000)}`),
  page("many scripts", `${START}${"<script>x</script>".repeat(90_000)}`),
  page("heading of spaces", `# a${" ".repeat(100_000)}b`, "text/plain"),
  page("many headings", "# a\n".repeat(500_000), "text/plain"),
  page("one line of hashes", `# a${"#".repeat(1_000_000)} b`, "text/plain"),
  page("blank lines", "\n".repeat(4_000_000), "text/plain"),
  page("escapes for markdown", `${START}<p>${"*_[]`\\".repeat(300_000)}`),
  page("PDF: 1 GB of spaces", pdf(spaces(64)), "application/pdf"),
  page("PDF: million operators", pdf(text("(x) Tj ".repeat(2_000_000))), "application/pdf"),
  page("PDF: nested arrays", pdf(text(`${"[".repeat(1_000_000)} TJ`)), "application/pdf"),
  page(
    "PDF: filters in a row",
    pdf(new Uint8Array(1000), `/Filter[${"/FlateDecode".repeat(100_000)}]`),
    "application/pdf",
  ),
  page("PDF: objects without end", Buffer.from(`%PDF-1.4\n${"1 0 obj\n<<".repeat(300_000)}`), "application/pdf"),
  page(
    "PDF: dictionaries in each other",
    Buffer.from(`%PDF-1.4\n1 0 obj\n${"<</A ".repeat(500_000)}`),
    "application/pdf",
  ),
  corpus("deep HTML beside a good file", {
    "a.html": `${START}${"<div>".repeat(300_000)}`,
    "b.txt": "The notice period is a month.",
  }),
  corpus("heading of spaces", { "a.md": `# a${" ".repeat(100_000)}b`, "b.txt": "The notice period is a month." }),
  corpus("8 MB of words", { "a.txt": "notice period ".repeat(590_000) }),
  corpus("a PDF that grows", {
    "a.pdf": pdf(spaces(40)),
    "b.txt": "The notice period is a month.",
  }),
  corpus("one word of 8 MB", { "a.txt": "notice".repeat(1_300_000), "b.txt": "The notice period is a month." }),
  {
    name: "passages: 4 MB",
    text: "word ",
    seconds: 2,
    run: (abortSignal) =>
      findPassages({ text: "word other ".repeat(370_000), query: "word oter", count: 5 }, { abortSignal, seconds: 2 }),
  },
  {
    name: "passages: a long query",
    text: "q",
    seconds: 2,
    run: (abortSignal) =>
      findPassages(
        { text: Array.from({ length: 200_000 }, (_, i) => `w${i}`).join(" "), query: "w ".repeat(200), count: 5 },
        { abortSignal, seconds: 2 },
      ),
  },
];

/** The same reading in this thread, as it was: each has to hold the event loop. */
export const brokenPages: readonly Entrance[] = [
  [`${START}${"<p>word</p>".repeat(1500)}`, "text/html"],
  [`${START}<table>${"<tr><th>Value<td>666</tr>".repeat(1500)}</table>`, "text/html"],
  [`${START}${"<div>".repeat(510)}text${"<p>word</p>".repeat(20)}`, "text/html"],
].map(([body = "", type = ""], i) => ({
  name: `in this thread: page ${i + 1}`,
  text: body,
  seconds: 10,
  run: () => readablePage(Buffer.from(body), type, "https://example.org/page"),
}));
