// Builds the demo application into the folder that the server's binary embeds.
import { buildInto, COMMITTED, sizesIn } from "./assets.mjs";

await buildInto(COMMITTED);
for (const [name, bytes] of sizesIn(COMMITTED)) {
  process.stdout.write(`${name.padEnd(40)} ${(bytes / 1024).toFixed(1)} KB gzipped\n`);
}
