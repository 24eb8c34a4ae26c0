/**
 * Whether two commits train to the same bits on this machine: each is checked out beside the other and runs the same
 * `learn`; weights, metrics, trajectories and digests are compared. Hashes differ between kinds of processor, so none is
 * written down.
 *
 *   npm run check:bits -- --base <commit> [--head HEAD --steps 8 --seed 7 --concurrency 1,16 --model <folder>]
 *
 * With `--model` the planner is an adapter on that model. Exit code 1 when a file differs.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    base: { type: "string" },
    head: { type: "string", default: "HEAD" },
    steps: { type: "string", default: "8" },
    seed: { type: "string", default: "7" },
    concurrency: { type: "string", default: "1,16" },
    model: { type: "string" },
  },
});
if (values.base === undefined) throw new TypeError("Name the commit to compare with: --base <commit>");
const root = join(import.meta.dirname, "..");
const scratch = mkdtempSync(join(tmpdir(), "agentflow-bits-"));
const git = (...args: readonly string[]): string =>
  execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();

const filesIn = (folder: string): string[] =>
  ["metrics.jsonl", "trajectories.jsonl", "digests.jsonl"]
    .concat(
      (readdirSync(join(folder, "weights"), { recursive: true }) as string[])
        .filter((name) => name.endsWith(".safetensors"))
        .map((name) => `weights/${name}`),
    )
    .sort();

/** Hashes of what a run of a commit came to. */
const runAt = (tree: string, concurrency: string): Map<string, string> => {
  const out = mkdtempSync(join(scratch, "runs-"));
  const model = values.model === undefined ? [] : ["--model", values.model, "--cold-start", "2"];
  const args = ["learn", "--seed", values.seed, "--steps", values.steps, "--eval-tasks", "4", "--quiet", ...model];
  execFileSync(
    process.execPath,
    ["--import", "tsx", join(tree, "src/cli/main.ts"), ...args, "--concurrency", concurrency, "--out", out],
    { cwd: tree, stdio: ["ignore", "ignore", "inherit"] },
  );
  const [id = ""] = readdirSync(out);
  const hash = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(out, id, name)))
      .digest("hex");
  return new Map(filesIn(join(out, id)).map((name) => [name, hash(name)]));
};

let differing = 0;
const trees: string[] = [];
try {
  for (const commit of [values.base, values.head]) {
    const tree = join(scratch, `tree-${trees.length}`);
    git("worktree", "add", "--detach", tree, commit);
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
    trees.push(tree);
  }
  const [base = "", head = ""] = trees;
  for (const concurrency of values.concurrency.split(",")) {
    const [before, after] = [runAt(base, concurrency), runAt(head, concurrency)];
    for (const [name, hash] of before) {
      const isSame = after.get(name) === hash;
      if (!isSame) differing += 1;
      console.log(
        `concurrency ${concurrency}  ${name.padEnd(28)} ${hash.slice(0, 16)}  ${isSame ? "same" : "DIFFERS"}`,
      );
    }
  }
} finally {
  for (const tree of trees) git("worktree", "remove", "--force", tree);
  rmSync(scratch, { recursive: true, force: true });
}
console.log(JSON.stringify({ check: "bits", base: git("rev-parse", "--short", values.base), differing }));
process.exitCode = differing === 0 ? 0 : 1;
