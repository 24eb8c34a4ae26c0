/**
 * R7: any text as a tool call. Generated and mutated texts go through parser, executor, gate and tool: none crashes, none
 * runs code of the host, each that is not a call becomes a typed error that the planner sees.
 *
 *   npm run check:calls [-- --n 100000 --seed 7]
 */
import childProcess from "node:child_process";
import { syncBuiltinESMExports } from "node:module";
import fc from "fast-check";
import { createFlow, parseAction, parseChatAction, tool } from "../src/index.ts";
import { stepOf } from "../src/trajectory.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const names = ["look", "calculate", "read"];
const argument = (name: string) => ({ type: "object", properties: { [name]: { type: "string" } }, required: [name] });
const tools = {
  look: tool<{ query: string }>({
    description: "Looks.",
    inputSchema: argument("query"),
    execute: ({ query }) => query.length,
  }),
  calculate: tool<{ expression: string }>({
    description: "Counts.",
    inputSchema: argument("expression"),
    metadata: { computes: true },
    execute: ({ expression }) => expression.length,
  }),
  read: tool<{ url: string; section: number }>({
    description: "Reads.",
    inputSchema: {
      type: "object",
      properties: { url: { type: "string" }, section: { type: "number" } },
      required: ["url", "section"],
    },
    execute: ({ url, section }) => url.repeat(Math.min(3, Math.abs(section))),
  }),
};

const seeds = [
  "look q1",
  "look @1.value",
  'read {"url": "a", "section": 2}',
  "calculate days(@2.date, @4.born)",
  "globalThis.canary = true",
  'look {"query": {"toString": "x"}}',
  '{"__proto__": {"polluted": true}}',
  "look `$" + "{globalThis.canary = true}`",
  "calculate constructor.constructor('globalThis.canary = true')()",
  "look \u0000\ud800 \uffff",
  "read __proto__",
  "constructor x",
  "toString",
  `require("child_process").execSync("true")`,
  "look q99999999999999999999 @0 @-1 @1.__proto__",
];

/** A seed with some characters doubled, dropped, swapped or replaced. */
const mutated = fc
  .tuple(
    fc.constantFrom(...seeds),
    fc.array(fc.tuple(fc.nat(200), fc.nat(3), fc.string({ maxLength: 6 })), { maxLength: 6 }),
  )
  .map(([text, edits]) =>
    edits.reduce((now, [at, kind, other]) => {
      const i = now.length === 0 ? 0 : at % now.length;
      if (kind === 0) return now.slice(0, i) + other + now.slice(i);
      if (kind === 1) return now.slice(0, i) + now.slice(i + 1);
      if (kind === 2) return now.slice(0, i) + now.slice(i, i + 8) + now.slice(i);
      return now.slice(0, i) + other + now.slice(i + other.length);
    }, text),
  );
const anyText = fc.oneof(
  mutated,
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.json({ maxDepth: 4 }).map((json) => `look ${json}`),
  fc
    .tuple(fc.constantFrom(...names, "hasOwnProperty", "__proto__"), fc.string({ maxLength: 80 }))
    .map((parts) => parts.join(" ")),
);

/** What nobody should write: a parser that evaluates. */
const evaluate = (code: string): void => {
  try {
    // biome-ignore lint/security/noGlobalEval: the broken variant, which this check has to catch
    // biome-ignore lint/complexity/noCommaOperator: an indirect eval sees the global scope alone
    (0, eval)(code);
  } catch {
    // Most texts are not programs.
  }
};

const known = new Set(["malformed", "unknown-tool", "bad-reference", "bad-arguments", "repeated", "tool-error"]);

export const check: Check = {
  name: "calls",
  n: 100_000,
  brokenN: 2000,
  run: async ({ n, seed, broken }) => {
    const failures: string[] = [];
    let spawned = 0;
    const real = childProcess.spawn;
    childProcess.spawn = (() => {
      spawned += 1;
      throw new Error("No process may be started.");
    }) as typeof real;
    syncBuiltinESMExports();
    const canary = globalThis as { canary?: unknown; polluted?: unknown };
    let text = "";
    const flow = createFlow({
      // A completion of the small planner and a reply of a chat model are read by different parsers.
      planner: () => {
        if (broken) evaluate(text);
        const parsed = text.length % 2 === 0 ? parseAction(text) : parseChatAction(text, names);
        return "error" in parsed ? { step: stepOf(""), error: parsed.error } : { step: parsed };
      },
      tools,
      budget: { turns: 1 },
    });
    try {
      for (const one of fc.sample(anyText, { numRuns: n, seed })) {
        text = one;
        try {
          const { trajectory, status } = await flow.solve("Which?", { id: "check" });
          const [entry] = trajectory.memory;
          if (status === "failed" || entry === undefined) failures.push(`failed: ${JSON.stringify(one)}`);
          else if (entry.observation.status !== "ok" && !known.has(entry.observation.reason))
            failures.push(`untyped: ${JSON.stringify(one)}`);
        } catch (error) {
          failures.push(`crashed with ${String(error)}: ${JSON.stringify(one)}`);
        }
        if (canary.canary !== undefined || ({} as { polluted?: unknown }).polluted !== undefined) {
          failures.push(`ran code: ${JSON.stringify(one)}`);
          delete canary.canary;
          delete (Object.prototype as { polluted?: unknown }).polluted;
        }
      }
    } finally {
      childProcess.spawn = real;
      syncBuiltinESMExports();
    }
    const failed = failures.length + spawned;
    return {
      n,
      failed,
      lines: [`${n} texts: ${failures.length} failures, ${spawned} processes`, ...failures.slice(0, 10)],
    };
  },
};

await runAsScript(check, import.meta.url);
