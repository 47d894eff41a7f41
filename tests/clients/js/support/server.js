// A real server process: the binary under test on a free loopback port, with a database of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { inTime } from "./wait.js";

/** The program under test. */
export const BINARY =
    process.env.FANFARE_BIN ?? path.resolve(import.meta.dirname, "../../../../target/debug/fanfare");

/** Tokens are made with it here, so that a test can make bad ones. */
export const SECRET = "a-secret-for-tests-that-is-long-enough";

// Whatever happens to a test, none of its servers outlives it.
const running = new Set();
process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
});

/** A directory that is gone after the test. */
export async function directory(t) {
    const dir = await mkdtemp(path.join(tmpdir(), "fanfare-js-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    return dir;
}

/** One process. `settings` are those of the README without the prefix, as in `{ POLLING: true }`. */
export class Server {
    #child;
    #settings;
    /** Every line that it has logged. */
    log = [];

    /** Starts one that ends with the test `t`. */
    static async start(t, settings = {}, dir) {
        const server = new Server();
        server.dir = dir ?? (await directory(t));
        server.#settings = settings;
        await server.#launch(0);
        t.after(() => server.kill("SIGKILL"));
        return server;
    }

    get url() {
        return `http://127.0.0.1:${this.port}`;
    }

    /** Ends the process with a signal and waits until it is gone; its exit code. */
    async kill(signal) {
        const child = this.#child;
        if (child.exitCode === null && child.signalCode === null) {
            const exited = once(child, "exit");
            child.kill(signal);
            await inTime(exited, `the end after ${signal}`, 30_000);
        }
        return child.exitCode;
    }

    /** Sends a signal without waiting. */
    signal(signal) {
        this.#child.kill(signal);
    }

    /** Another process on the same port and database. The present one must have let go of the port. */
    async again() {
        await this.#launch(this.port);
    }

    /** Runs one of the program's tools on the same database; what it printed. */
    async tool(...args) {
        const child = spawn(BINARY, args, { cwd: this.dir, env: this.#environment(0), stdio: ["ignore", "pipe", "pipe"] });
        const printed = [];
        for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => printed.push(part));
        const [code] = await inTime(once(child, "close"), `fanfare ${args.join(" ")}`);
        return { code, text: Buffer.concat(printed).toString() };
    }

    #environment(port) {
        const settings = {
            LISTEN: `127.0.0.1:${port}`,
            ADMIN_LISTEN: "off",
            DATA_DIR: this.dir,
            JWT_SECRET: SECRET,
            SEED: false,
            LOG_FORMAT: "json",
            MAX_UNAUTHENTICATED_PER_ADDRESS: 1000,
            HEAD_CHECK_INTERVAL: "500ms",
            DATABASE_TIMEOUT: "3s",
            ...this.#settings,
        };
        const named = Object.entries(settings).map(([name, value]) => [`FANFARE_${name}`, String(value)]);
        // Nothing of this machine's own settings.
        return { PATH: process.env.PATH, ...Object.fromEntries(named) };
    }

    async #launch(port) {
        // In its own directory, so that no .env is found.
        const child = spawn(BINARY, ["serve"], {
            cwd: this.dir,
            env: this.#environment(port),
            stdio: ["ignore", "ignore", "pipe"],
        });
        this.#child = child;
        running.add(child);
        // It does not keep the tests' process: the hooks at the end of a file run when nothing else is left to do.
        child.unref();
        child.stderr.unref();
        child.once("exit", () => running.delete(child));
        const listening = new Promise((resolve, reject) => {
            createInterface({ input: child.stderr }).on("line", (line) => {
                this.log.push(line);
                // In JSON as in text.
                const address = line.includes("Listening.") && /\baddress"?[=:]"?127\.0\.0\.1:(\d+)/.exec(line);
                if (address) resolve(Number(address[1]));
            });
            child.once("error", reject);
            child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.log.join("\n")}`)));
        });
        this.port = await inTime(listening, "a server that listens", 30_000);
    }
}
