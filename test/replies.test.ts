import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { start } from "../scripts/checks/learning.ts";

const scratch = mkdtempSync(join(tmpdir(), "agentflow-replies-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A shelf that is asked over a network, say: it fails now and then, prices move, and nobody can ask for yesterday's. */
const project = (log: string): string => `
import { appendFileSync } from "node:fs";
const goods = Array.from({ length: 60 }, (_, i) => ({ name: \`Item \${String.fromCharCode(65 + (i % 26))}\${i}\`, price: 100 + 7 * i }));
export default {
  tools: {
    price: {
      description: "The price of a product by its name.",
      inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
      execute: async ({ name }, { abortSignal }) => {
        appendFileSync(${JSON.stringify(log)}, "call\\n");
        await new Promise((wake) => setTimeout(wake, 12 * Math.random()));
        if (Math.random() < 0.2) throw new Error("The shelf is closed, reason " + Math.random());
        const found = goods.find((one) => one.name === name);
        if (found === undefined) throw new Error("There is no " + name + ".");
        return { value: found.price + (Math.random() < 0.3 ? Math.floor(5 * Math.random()) : 0) };
      },
    },
    stock: {
      description: "How many there are of a product, by its name.",
      inputSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
      execute: ({ name }) => ({ value: Math.floor(100 * Math.random()), shelf: name.slice(-1) }),
    },
  },
  budget: { turns: 3 },
  tasks: goods.map(({ name, price }, i) => ({
    id: "t" + i, question: "What is the price of " + name + "?", sealed: { family: "price", answer: String(price) },
  })),
  reward: ({ sealed }, answer) => (answer === sealed.answer ? 1 : 0),
};
`;

const SHORT = ["--steps", "20", "--cold-start", "60", "--eval-tasks", "4", "--checkpoint-every", "2", "--quiet"];

const linesOf = (file: string): number => readFileSync(file, "utf8").split("\n").length - 1;

it("a run with tools that never answer alike goes on from its journal, and is verified by it", async () => {
  const [config, log, out] = ["agentflow.config.ts", "calls.log", "runs"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(config, project(log));
  const killed = start(["learn", "--config", config, ...SHORT, "--out", out]);
  const replies = (): readonly string[] => {
    const [id] = existsSync(out) ? readdirSync(out) : [];
    const folder = join(out, id ?? "", "replies");
    return id !== undefined && existsSync(folder) ? readdirSync(folder) : [];
  };
  // In a step of an odd number, which no checkpoint has yet.
  const begun = (): string | undefined => replies().findLast((name) => /^step-\d+[13579]\.jsonl$/.test(name));
  while (begun() === undefined && killed.child.exitCode === null) await new Promise((wake) => setTimeout(wake, 1));
  killed.kill();
  expect(await killed.ended).toMatchObject({ signal: "SIGKILL", stderr: "" });
  const [id = ""] = readdirSync(out);
  const run = join(out, id);
  const step = join(run, "replies", begun() ?? "none");
  const [kept, asked] = [readFileSync(step, "utf8"), linesOf(log)];
  const whole = kept.slice(0, kept.lastIndexOf("\n") + 1);

  const resumed = await start(["learn", "--resume", run, "--config", config, "--quiet"]).ended;
  expect(resumed).toEqual({ code: 0, signal: null, stderr: "" });
  // What was kept is there as it was: none of it was asked again.
  expect(readFileSync(step, "utf8").startsWith(whole)).toBe(true);
  const after = linesOf(log);
  expect(after).toBeGreaterThan(asked);

  const verified = await start(["runs", "verify", run, "--config", config, "--quiet"]).ended;
  expect(verified).toEqual({ code: 0, signal: null, stderr: "" });
  expect(linesOf(log)).toBe(after);

  // Without the journal the same tools give another run: that is what it is for.
  rmSync(join(run, "replies"), { recursive: true });
  expect((await start(["runs", "verify", run, "--config", config, "--quiet"]).ended).code).toBe(1);
}, 900_000);
