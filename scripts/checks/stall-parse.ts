/**
 * Hostile texts through everything that parses: pages, documents, corpora, MCP servers, endpoints, hubs, templates,
 * tokenizers and files of models. None holds the event loop for more than 100 ms, or outlives its deadline by more than a
 * second. Prints what each held. `broken` are readings without a thread and without bounds, which this has to catch.
 *
 *   npx tsx scripts/checks/stall-parse.ts [-- --only <part of a name>]
 */
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chatTemplate } from "../../src/engines/onnx/text/chat-template.ts";
import { loadTokenizer } from "../../src/engines/onnx/text/tokenizer.ts";
import { readPage } from "../../src/tools/read-page.ts";
import { type Entrance, measure } from "./stall-entrance.ts";
import { brokenModels, modelEntrances } from "./stall-models.ts";
import { brokenPages, pageEntrances } from "./stall-pages.ts";
import { serverEntrances } from "./stall-servers.ts";

export type { Entrance } from "./stall-entrance.ts";

/** Every way in. */
export const parseEntrances: readonly Entrance[] = [...pageEntrances, ...serverEntrances, ...modelEntrances];

/** The same without the guard. */
const brokenEntrances: readonly Entrance[] = [...brokenPages, ...brokenModels];

const MOST_HELD = 100;
const MOST_LATE = 1000;

/** Loads what is loaded once: libraries, threads, the JavaScript engine's own code. */
const warmUp = async (): Promise<void> => {
  const html = "<!doctype html><html><body><p>word</p></body></html>";
  const abortSignal = new AbortController().signal;
  for (let i = 0; i < 3; i += 1)
    await readPage({ body: Buffer.from(html), contentType: "text/html", url: "https://example.org/" }, { abortSignal });
  await chatTemplate("{{ messages[0].content }}");
  const model = { type: "BPE", vocab: { a: 0 }, merges: [] };
  const pre_tokenizer = { type: "Split", pattern: { Regex: "b+" }, behavior: "Isolated", invert: false };
  const tokenizer = await loadTokenizer({
    added_tokens: [],
    normalizer: null,
    pre_tokenizer,
    post_processor: null,
    decoder: null,
    model,
  });
  tokenizer.encode("aba");
  for (const entrance of serverEntrances.filter(({ name }) => /error of spaces|deep schema|brackets$/u.test(name)))
    await entrance.run(abortSignal).catch(() => undefined);
};

/** Failures among entrances, each told. */
const failuresOf = async (entrances: readonly Entrance[], tries: number): Promise<number> => {
  let failed = 0;
  for (const entrance of entrances) {
    const { held, took, outcome } = await measure(entrance, MOST_HELD, tries);
    const bad = held > MOST_HELD || took > 1000 * entrance.seconds + MOST_LATE;
    if (bad) failed += 1;
    console.log(
      `${bad ? "FAIL" : "ok  "} held ${String(Math.round(held)).padStart(5)} ms, took ${String(Math.round(took)).padStart(5)} ms  ${entrance.name}: ${outcome}`,
    );
  }
  return failed;
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });
  await warmUp();
  const broken = await failuresOf(brokenEntrances, 1);
  console.log(`without the guard: ${broken} of ${brokenEntrances.length} hold the event loop`);
  const entrances = parseEntrances.filter(({ name }) => name.includes(values.only));
  const failed = await failuresOf(entrances, 3);
  const brokenCaught = broken === brokenEntrances.length;
  console.log(JSON.stringify({ check: "stall-parse", n: entrances.length, failed, broken, brokenCaught }));
  process.exit(brokenCaught && failed === 0 ? 0 : 1);
};

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) await main();
