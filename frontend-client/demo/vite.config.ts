import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Where the server is that the development server passes everything on to that is not the page itself. */
const server = process.env["FANFARE_URL"] ?? "http://127.0.0.1:3000";
const proxied = ["/api", "/graphql", "/healthz", "/readyz"];

export default defineConfig({
  root: at("."),
  plugins: [react()],
  resolve: {
    alias: [
      { find: /^@fanfare\/client$/, replacement: at("../src/index.ts") },
      { find: /^@fanfare\/client\/(\w+)$/, replacement: at("../src/$1/index.ts") },
    ],
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      ...Object.fromEntries(proxied.map((path) => [path, server])),
      "/socket.io": { target: server, ws: true },
    },
  },
  build: {
    outDir: at("../../src/api/site"),
    emptyOutDir: true,
    // What understands `light-dark()` in styles.
    target: ["chrome123", "firefox121", "safari17.5"],
    license: { fileName: "LICENSES.txt" },
    modulePreload: { polyfill: false },
  },
});
