// Reports what an application's users download, minified and gzipped, and fails when it is more than promised.
// Counted is what a page loads at first. What it loads on demand is listed: sharing a connection between tabs, in
// browsers that can, and polling, where no socket gets through. Socket.IO's client and the frameworks are counted
// by those who bring them.
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const LIMIT = 12 * 1024;
/** All that a release build loads later. The schemas, which development builds check messages against, are not among it. */
const ON_DEMAND = ["polling", "shared-line"];
const external = [
  /^socket\.io-client/,
  /^zod/,
  /^graphql/,
  /^react/,
  /^@apollo/,
  /^@tanstack/,
  /^zustand/,
  /^rxjs/,
];
const define = { "process.env.NODE_ENV": '"production"' };

/** The gzipped bytes of an application's own chunk, and of each chunk that it loads later. */
async function sizeOf(...parts) {
  const entry = "virtual:application";
  const source = parts.map((part, index) => `import * as part${index} from "${at(part)}";`).join("\n");
  const use = `\nglobalThis.application = [${parts.map((_, index) => `part${index}`)}];`;
  const application = {
    name: "application",
    resolveId: (id) => (id === entry ? id : null),
    load: (id) => (id === entry ? source + use : null),
  };
  const bundle = await rolldown({
    input: entry,
    external,
    plugins: [application],
    preserveEntrySignatures: false,
    logLevel: "silent",
    transform: { define },
  });
  const { output } = await bundle.generate({ minify: true, comments: { annotation: false } });
  await bundle.close();
  const size = (chunk) => gzipSync(chunk.code, { level: 9 }).length;
  const later = output.filter((chunk) => !chunk.isEntry).map((chunk) => [chunk.name, size(chunk)]);
  return { first: size(output.find((chunk) => chunk.isEntry)), later };
}

const at = (part) => new URL(`../dist/${part}index.js`, import.meta.url).pathname;
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(2)} KB gzipped`;
const print = (line) => process.stdout.write(`${line}\n`);

const core = await sizeOf("");
const withReact = await sizeOf("", "react/");
const withApollo = await sizeOf("", "react/", "apollo/");
print(`core                    ${kilobytes(core.first)}`);
print(`core and React          ${kilobytes(withReact.first)}, at most ${LIMIT / 1024} KB`);
print(`core, React and Apollo  ${kilobytes(withApollo.first)}`);
for (const [name, bytes] of core.later) {
  print(`  on demand: ${name.padEnd(12)} ${kilobytes(bytes)}`);
}
const unexpected = core.later.map(([name]) => name).filter((name) => !ON_DEMAND.includes(name));
if (unexpected.length > 0) {
  process.stderr.write(`A release build contains what only development needs: ${unexpected.join(", ")}.\n`);
  process.exit(1);
}
if (withReact.first > LIMIT) {
  process.stderr.write("Core and React are larger than promised.\n");
  process.exit(1);
}
