import { defineConfig } from "vitest/config";

/** Two workers: the suite must be comfortable on a machine of two cores, where native engines bring their own threads. */
export default defineConfig({
  test: {
    environment: "node",
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    passWithNoTests: true,
  },
});
