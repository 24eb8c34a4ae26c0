import { defineConfig } from "vitest/config";
import { BaseSequencer, type Reporter, type TestModule, type TestSpecification } from "vitest/node";

/** Closes a run with one plain line, `tests: 12 passed, 0 failed`, for logs that no person reads. */
const totals: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) for (const test of module.children.allTests()) count[test.result().state] += 1;
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandled.length;
    process.stdout.write(`tests: ${count.passed} passed, ${count.failed + broken} failed, ${count.skipped} skipped\n`);
  },
};

/** The files that take minutes, the longest first. */
const slow = [
  "test/checks",
  "test/resume",
  "test/cli.test",
  "sandbox/pyodide-sandbox",
  "test/library",
  "test/new-user",
];

/** Begins with what takes longest, so that two workers end at about the same time. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = slow.findIndex((name) => moduleId.includes(name));
      return place < 0 ? slow.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

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
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    reporters: ["default", totals],
  },
});
