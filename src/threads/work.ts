/** What the thread of `entry.ts` runs: the functions of its module, one call after another. */
import { parentPort, workerData } from "node:worker_threads";
import { ModelError, messageOf, ToolError } from "../errors.ts";
import type { ThreadCall, ThreadReply } from "./threads.ts";

const { module } = workerData as { readonly module: string };
const functions = (await import(module)) as Readonly<Record<string, (input: unknown) => unknown>>;
const reply = (message: ThreadReply): void => parentPort?.postMessage(message);

/** V8's words for a text that nests too deeply say nothing to a reader. */
const wordsOf = (thrown: unknown): string =>
  thrown instanceof RangeError && /call stack/i.test(thrown.message) ? "it nests too deeply" : messageOf(thrown);

parentPort?.on("message", async ({ name, input }: ThreadCall) => {
  try {
    reply({ type: "value", value: await functions[name]?.(input) });
  } catch (thrown) {
    reply({
      type: "error",
      name: thrown instanceof Error ? thrown.name : "",
      message: wordsOf(thrown).slice(0, 1000),
      retryable: (thrown instanceof ToolError || thrown instanceof ModelError) && thrown.retryable,
    });
  }
});
reply({ type: "ready" });
