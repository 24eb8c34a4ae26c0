import { defineConfig } from "vitest/config";
import type { Reporter, TestModule } from "vitest/node";

/** Closes a run with one plain line, `tests: 12 passed, 0 failed`, for logs that no person reads. */
const totals: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) for (const test of module.children.allTests()) count[test.result().state] += 1;
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandled.length;
    process.stdout.write(`tests: ${count.passed} passed, ${count.failed + broken} failed, ${count.skipped} skipped\n`);
  },
};

/**
 * `agentflow` is the source here, as in tsconfig.json. Two workers: the suite must be comfortable on a machine of two
 * cores, where native engines bring their own threads.
 */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^agentflow$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^agentflow\/(.+)$/, replacement: `${import.meta.dirname}/src/$1/index.ts` },
    ],
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    reporters: ["default", totals],
  },
});
