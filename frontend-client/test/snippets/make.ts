import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the snippets become files: inside the package, so that they find its dependencies. */
export const MADE = join(import.meta.dirname, "made");

const repository = join(import.meta.dirname, "../../..");

/**
 * Writes the code of a guide as the files that its first lines name, and gives their names. Imports of the package become
 * imports of its source; a client made with `createFanfare` is one of the fake server of the tests.
 */
export function makeSnippets(guide: string): string[] {
  const folder = join(MADE, guide);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const text = readFileSync(join(repository, `docs/guides/${guide}.md`), "utf8");
  return [...text.matchAll(/^```tsx?\n\/\/ (\S+)\n([\s\S]*?)^```/gm)].map(([, name = "", code = ""]) => {
    const source = code
      .replaceAll('"@fanfare/client"', '"../../client.js"')
      .replace(/"@fanfare\/client\/(\w+)"/g, '"../../../../src/$1/index.js"');
    writeFileSync(join(folder, name), source);
    return name;
  });
}
