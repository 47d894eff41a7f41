import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { build, type Rolldown } from "vite";

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
};

/** A page of `browser/pages`, bundled as for production and served at an origin of its own. */
export class Site {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async of(page: string): Promise<Site> {
    const result = await build({
      root: at(`browser/pages/${page}`),
      configFile: false,
      logLevel: "error",
      plugins: [react()],
      build: { write: false },
    });
    const { output } = result as Rolldown.RolldownOutput;
    const files = new Map(
      output.map((file) => [`/${file.fileName}`, file.type === "chunk" ? file.code : file.source]),
    );
    const server = createServer(({ url = "/" }, answer) => {
      const { pathname } = new URL(url, "http://site");
      const name = files.has(pathname) ? pathname : "/index.html";
      answer.setHeader("content-type", TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/plain");
      answer.end(files.get(name));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(server);
  }

  /** The page's address with these parameters. */
  address(parameters: Readonly<Record<string, string>> = {}): string {
    const { port } = this.#server.address() as { port: number };
    return `http://127.0.0.1:${port}/?${new URLSearchParams(parameters)}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
