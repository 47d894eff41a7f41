import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** Where the built application is committed, and embedded into the server's binary. */
export const COMMITTED = fileURLToPath(new URL("../../../src/api/site", import.meta.url));

/** Builds the application into a folder, with a compressed copy beside every script and style. */
export async function buildInto(folder) {
  const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));
  // One answer, whatever the caller's environment says.
  process.env.NODE_ENV = "production";
  await build({ configFile, logLevel: "warn", mode: "production", build: { outDir: folder } });
  for (const name of namesIn(folder).filter((name) => /\.(js|css)$/.test(name))) {
    const path = join(folder, name);
    const content = readFileSync(path);
    if (content.length > 1024) {
      writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    }
  }
}

/** The files in a folder and below, by their paths in it. */
export function namesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What a browser loads for the first page, and for the pages behind it: names and gzipped bytes. */
export function sizesIn(folder) {
  return namesIn(folder)
    .filter((name) => name.endsWith(".gz"))
    .map((name) => [name.slice(0, -3), readFileSync(join(folder, name)).length]);
}
