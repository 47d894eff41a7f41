// Fails when the committed application is not what its sources build, or has become larger than it should be.
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { buildInto, COMMITTED, namesIn, sizesIn } from "./assets.mjs";

/** Everything that a browser may load, gzipped. */
const LIMIT = 200 * 1024;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "fanfare-demo-")));
const wrong = [];
let total = 0;
try {
  await buildInto(folder);
  const [built, committed] = [namesIn(folder), namesIn(COMMITTED)];
  for (const name of new Set([...built, ...committed])) {
    if (!committed.includes(name)) {
      wrong.push(`${name} is missing`);
    } else if (!built.includes(name)) {
      wrong.push(`${name} is left over`);
    } else if (!contentOf(folder, name).equals(contentOf(COMMITTED, name))) {
      wrong.push(`${name} is out of date`);
    }
  }
  for (const [name, bytes] of sizesIn(folder)) {
    total += bytes;
    process.stdout.write(`${name.padEnd(40)} ${(bytes / 1024).toFixed(1)} KB gzipped\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (total > LIMIT) {
  wrong.push(`together ${(total / 1024).toFixed(1)} KB gzipped, more than ${LIMIT / 1024} KB`);
}
if (wrong.length > 0) {
  process.stderr.write(
    `The demo in src/api/site: ${wrong.join("; ")}.\n\`npm run demo:build\` writes it again.\n`,
  );
  process.exit(1);
}
process.stdout.write("The committed demo is what its sources build.\n");

/** Compressors differ between versions of Node.js: what counts is what comes out again. */
function contentOf(folder, name) {
  const content = readFileSync(join(folder, name));
  return name.endsWith(".gz") ? gunzipSync(content) : content;
}
