import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The server's program: named by FANFARE_BIN, or as a plain `cargo build` leaves it. */
export const program =
  process.env["FANFARE_BIN"] ?? new URL("../../../target/debug/fanfare", import.meta.url).pathname;

/** Whether there is a server to test against. In continuous integration there has to be. */
export const isThere = existsSync(program) || process.env["CI"] === "true";

/** A server of one's own with the demo world, behind a line that can be cut. */
export class Instance {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #tokens = new Map<string, string>();
  readonly #folder = mkdtempSync(join(tmpdir(), "fanfare-client-"));
  readonly #line = createServer((client) => this.#carry(client));
  readonly #sockets = new Set<Socket>();
  #process: ChildProcess | null = null;
  #port = 0;
  #lineIsCut = false;
  #refusesWebSockets = false;
  #webSockets = 0;

  /** @param settings as in the README without the prefix: `{ POLLING: "true" }`. */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    // The most that the database's setting takes: no test here is about a slow disk.
    const named = Object.entries({ DATABASE_TIMEOUT: "3s", ...settings }).map(([name, value]) => [
      `FANFARE_${name}`,
      value,
    ]);
    this.#environment = { ...process.env, ...Object.fromEntries(named) };
  }

  /** The address through the line that can be cut. */
  get url(): string {
    return `http://127.0.0.1:${(this.#line.address() as { port: number }).port}`;
  }

  /** How many WebSockets go through the line now. */
  get webSockets(): number {
    return this.#webSockets;
  }

  async start(): Promise<void> {
    const address = `127.0.0.1:${this.#port}`;
    const options = [
      "serve",
      "--listen",
      address,
      "--admin-listen",
      "off",
      "--data-dir",
      this.#folder,
      "--seed",
    ];
    const child = spawn(program, options, { env: this.#environment, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    this.#port = await new Promise((resolve, reject) => {
      let output = "";
      child.stderr.on("data", (data) => {
        output += String(data);
      });
      child.stdout.on("data", (data) => {
        const [, port] = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(String(data)) ?? [];
        if (port !== undefined) {
          resolve(Number(port));
        }
      });
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`The server did not start:\n${output}`)));
    });
    if (!this.#line.listening) {
      await listen(this.#line);
    }
  }

  /** Ends the server without giving it time for anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child && child.exitCode === null) {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    }
  }

  /** Cuts every connection, and lets none through until it is mended. */
  cut(): void {
    this.#lineIsCut = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  mend(): void {
    this.#lineIsCut = false;
  }

  /** Acts like a proxy that knows plain HTTP only: ends the WebSockets and lets none through. */
  refuseWebSockets(): void {
    this.#refusesWebSockets = true;
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  allowWebSockets(): void {
    this.#refusesWebSockets = false;
  }

  async end(): Promise<void> {
    this.cut();
    this.#line.close();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A new token, made as an administrator makes one. */
  token(user: string, ttl = "1h", scope?: string): string {
    const scopes = scope === undefined ? [] : ["--scope", scope];
    const options = ["token", "--sub", user, "--ttl", ttl, "--data-dir", this.#folder, ...scopes];
    return execFileSync(program, options, {
      env: this.#environment,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  }

  /** A GraphQL request as a user. */
  async query<T>(user: string, query: string, variables: object = {}): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${this.#tokenOf(user)}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: T; errors?: unknown };
    if (errors !== undefined) {
      throw new Error(JSON.stringify(errors));
    }
    return data;
  }

  /** One token for all the requests of a user: making one takes a process. */
  #tokenOf(user: string): string {
    const token = this.#tokens.get(user) ?? this.token(user);
    this.#tokens.set(user, token);
    return token;
  }

  #carry(client: Socket): void {
    if (this.#lineIsCut) {
      client.destroy();
      return;
    }
    const server = connect(this.#port, "127.0.0.1");
    for (const socket of [client, server]) {
      // As a browser and the server do: what is written leaves at once.
      socket.setNoDelay();
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    // A browser asks for a WebSocket on a new connection, with a head that fits into one read.
    client.once("data", (head) => {
      if (/^upgrade: *websocket/im.test(head.toString("latin1"))) {
        if (this.#refusesWebSockets) {
          client.destroy();
          return;
        }
        this.#webSockets += 1;
        client.once("close", () => {
          this.#webSockets -= 1;
        });
      }
    });
    client.pipe(server).pipe(client);
  }
}

async function listen(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}
