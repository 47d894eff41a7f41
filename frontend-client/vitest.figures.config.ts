import { mergeConfig } from "vitest/config";
import tests from "./vitest.browser.config.js";

/** What docs/benchmarks.md records of the client. Nothing else should run on the machine meanwhile. */
export default mergeConfig(tests, {
  test: { include: ["browser/figures.ts"], testTimeout: 120_000, disableConsoleIntercept: true },
});
