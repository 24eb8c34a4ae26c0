/**
 * Whether a published model computes here what it computes elsewhere: `npm run check:models -- <path>`, for a GGUF file
 * or a Hugging Face folder. Token ids, chat texts, log-probabilities and greedy continuations are compared with
 * transformers in float32 and, for a GGUF's tokens, llama.cpp. Needs Python (AGENTFLOW_PYTHON, or python3) with
 * torch, transformers, jinja2 and, for GGUF, gguf and llama-cpp-python; neither the product nor CI does.
 *
 *   npm run check:models -- model.gguf [--only tokens,chat,log-probs,greedy] [--prompts 20] [--lines 2000] [--threads 2]
 *
 * Prints a table and, last, one JSON line. Exit code 1 when something differs, 2 when nothing could be compared.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compareChat, compareGreedy, compareLogProbs, compareTokens, type Finding } from "./check-models/compare.ts";
import { NotThere, python, startLines } from "./check-models/lines.ts";
import { openOurs } from "./check-models/ours.ts";
import { comparePinned } from "./check-models/pinned.ts";
import { PROMPTS } from "./check-models/prompts.ts";
import { tokenizerCorpus } from "./tokenizer-corpus.ts";

/** Largest difference of a log-probability that float32 in another order of sums may make. */
const BOUND = 2e-3;
/** Two tokens nearer than this are a tie. */
const TIE = 1e-3;
const NEW_TOKENS = 32;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "tokens,chat,log-probs,greedy" },
    prompts: { type: "string", default: String(PROMPTS.length) },
    lines: { type: "string", default: "2000" },
    threads: { type: "string", default: String(Math.min(8, availableParallelism())) },
  },
});
const [path] = positionals;
const parts = new Set(values.only.split(","));

const stop = (message: string): never => {
  console.error(message);
  process.exit(2);
};

const startReference = (model: string) =>
  startLines(python, [
    fileURLToPath(new URL("check-models/reference.py", import.meta.url)),
    model,
    values.threads,
  ]).catch((failure: unknown) => {
    if (failure instanceof NotThere && failure.missing.length > 0)
      stop(
        `The reference is not there: ${failure.message}. Run: ${python} -m pip install ${failure.missing.join(" ")}`,
      );
    if (failure instanceof NotThere)
      stop(`The reference does not start. Set AGENTFLOW_PYTHON to a Python that has it.\n${failure.message}`);
    throw failure;
  });

const sha256Of = async (file: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
};

const check = async (model: string): Promise<void> => {
  const start = performance.now();
  const isFile = (await stat(model).catch(() => stop(`There is no model at ${model}.`))).isFile();
  const reference = await startReference(model);
  const ours = await openOurs(model, Number(values.threads));
  console.log(
    `${model}\nours       ${ours.about}\nreference  ${reference.ready.model}; tokens: ${reference.ready.tokenizer}`,
  );

  const findings: Finding[] = [];
  const found = <T extends Finding>(finding: T): T => {
    findings.push(finding);
    const mark = finding.failed === 0 ? "same" : `${finding.failed} DIFFER`;
    console.log(`${finding.part.padEnd(10)} ${mark.padEnd(12)} ${finding.looked} ${finding.says}`);
    for (const example of finding.examples) console.log(`             ${example}`);
    return finding;
  };
  const corpus = tokenizerCorpus().slice(0, Number(values.lines));
  if (parts.has("tokens")) found(await compareTokens(ours, reference, corpus));
  if (parts.has("chat")) found(await compareChat(ours, reference, corpus));
  const prompts: number[][] = [];
  for (const prompt of PROMPTS.slice(0, Number(values.prompts))) {
    const text = typeof prompt === "string" ? prompt : await ours.render(prompt, true);
    if (text !== undefined) prompts.push([...ours.encode(text)]);
  }
  const logProbs = parts.has("log-probs") ? found(await compareLogProbs(ours, reference, prompts, BOUND)) : undefined;
  if (parts.has("greedy")) found(await compareGreedy(ours, reference, prompts, { count: NEW_TOKENS, tie: TIE }));
  const pinned = isFile ? await comparePinned(ours, await sha256Of(model), BOUND) : undefined;
  if (pinned) found(pinned);

  await reference.stop();
  await ours.dispose();
  const failed = findings.reduce((sum, finding) => sum + finding.failed, 0);
  console.log(
    JSON.stringify({
      check: "models",
      n: prompts.length,
      failed,
      bound: BOUND,
      ...(logProbs && { maxDifference: logProbs.maxDifference }),
      parts: Object.fromEntries(findings.map(({ part, looked, failed: bad }) => [part, { looked, failed: bad }])),
      seconds: Math.round((performance.now() - start) / 100) / 10,
    }),
  );
  process.exitCode = failed === 0 ? 0 : 1;
};

await check(path ?? stop("Say which model: npm run check:models -- <GGUF file or Hugging Face folder>"));
