import { defineConfig } from "vitest/config";

/** Tests in a real browser against the real server. One file at a time: they measure how fast things happen. */
export default defineConfig({
  test: {
    include: ["browser/**/*.test.ts"],
    fileParallelism: false,
    // The pages are built for production.
    env: { NODE_ENV: "production" },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
