import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = fileURLToPath(new URL("./src", import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@fanfare\/client$/, replacement: `${source}/index.ts` },
      { find: /^@fanfare\/client\/(\w+)$/, replacement: `${source}/$1/index.ts` },
    ],
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}", "test/**/*.test.{ts,tsx}", "demo/test/**/*.test.{ts,tsx}"],
    exclude: ["**/node_modules/**", "test/snippets/made/**"],
    typecheck: { enabled: false },
    restoreMocks: true,
    // Waits have limits of their own; these only end what hangs.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
