import { defineConfig } from "vitest/config";

/** What docs/benchmarks.md records of the client. Nothing else should run on the machine meanwhile. */
export default defineConfig({
  test: {
    include: ["browser/figures.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: { NODE_ENV: "production" },
  },
});
