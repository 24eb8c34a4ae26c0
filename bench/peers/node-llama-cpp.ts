/**
 * node-llama-cpp as a peer of bench/model.ts, asked line by line. Arguments: a GGUF file, threads, the folder in which
 * it is installed. It is not a dependency of this project, so what is used of it is spelled out here.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

interface NodeLlamaCpp {
  getLlama(options: Readonly<Record<string, unknown>>): Promise<{
    loadModel(options: Readonly<Record<string, unknown>>): Promise<{
      createContext(options: Readonly<Record<string, unknown>>): Promise<{
        getSequence(): {
          evaluate(tokens: number[], options: Readonly<Record<string, unknown>>): AsyncIterator<number>;
        };
        dispose(): Promise<void>;
      }>;
    }>;
    dispose(): Promise<void>;
  }>;
}

const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer)}\n`);
const peak = (): number => process.resourceUsage().maxRSS / 1024;

const [modelPath = "", threadCount = "2", folder = "."] = process.argv.slice(2);
const threads = Number(threadCount);

const run = async (): Promise<void> => {
  const require = createRequire(join(folder, "package.json"));
  const { getLlama } = (await import(pathToFileURL(require.resolve("node-llama-cpp")).href)) as NodeLlamaCpp;
  const { version } = require(join(require.resolve("node-llama-cpp"), "../../package.json")) as {
    readonly version: string;
  };
  const before = peak();
  const llama = await getLlama({
    build: "never",
    gpu: false,
    maxThreads: threads,
    logLevel: "error",
    progressLogs: false,
  });
  const model = await llama.loadModel({ modelPath });
  say({ ready: { version: `node-llama-cpp ${version}`, before } });

  /** `new` tokens of each of `batch` sequences behind a prompt; the time starts when all have their first. */
  const sample = async (q: Readonly<Record<string, number>>): Promise<unknown> => {
    const { batch = 1, context_tokens: prompt = 128, new: count = 32, temperature = 1, flash = 1 } = q;
    const context = await model.createContext({
      sequences: batch,
      contextSize: Math.ceil((prompt + count + 2) / 64) * 64,
      threads: { ideal: threads, min: threads },
      flashAttention: flash === 1,
    });
    const streams = Array.from({ length: batch }, (_, row) =>
      context.getSequence().evaluate(
        Array.from({ length: prompt }, (_, i) => 100 + ((row + i * 7919) % 40_000)),
        { temperature, topK: 0, topP: 1, minP: 0, yieldEogToken: true },
      ),
    );
    await Promise.all(streams.map((stream) => stream.next()));
    const start = performance.now();
    const counts = await Promise.all(
      streams.map(async (stream) => {
        let tokens = 0;
        while (tokens < count && !(await stream.next()).done) tokens += 1;
        return tokens;
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    await Promise.all(streams.map((stream) => stream.return?.()));
    await context.dispose();
    return { seconds, tokens: counts.reduce((a, b) => a + b, 0) };
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line) as Record<string, number> & { readonly do: unknown };
    try {
      say(question.do === "peak" ? { mb: peak() } : await sample(question));
    } catch (failure) {
      say({ error: String(failure) });
    }
  }
  await llama.dispose();
};

await run().catch((failure: unknown) => say({ error: String(failure) }));
