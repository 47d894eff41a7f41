// Bare Engine.IO: what the official client hides, and what it would never send.
import { WebSocket } from "ws";
import { inTime, PATIENCE } from "./wait.js";

const address = (server, query) => `${server.url}/socket.io/?${new URLSearchParams({ EIO: "4", ...query })}`;

/** A WebSocket under the test's control. */
export class Wire {
    #arrived = [];
    #waiting = [];

    constructor(t, server, query = {}) {
        this.ws = new WebSocket(address(server, { transport: "websocket", ...query }).replace("http", "ws"));
        t.after(() => this.ws.terminate());
        /** `open`, or the HTTP status of the refusal. */
        this.outcome = inTime(
            new Promise((resolve) => {
                this.ws.once("open", () => resolve("open"));
                this.ws.once("unexpected-response", (_, response) => resolve(response.statusCode));
                this.ws.once("error", () => resolve("error"));
            }),
            "an answer to the upgrade",
        );
        this.closed = new Promise((resolve) => this.ws.once("close", resolve));
        this.ws.on("error", () => {});
        this.ws.on("message", (data, isBinary) => {
            this.#arrived.push(isBinary ? data : data.toString());
            this.#waiting.shift()?.();
        });
    }

    send(data) {
        this.ws.send(data);
    }

    /** The next message, whatever it is. */
    async next() {
        if (this.#arrived.length === 0) {
            await inTime(new Promise((resolve) => this.#waiting.push(resolve)), "a message");
        }
        return this.#arrived.shift();
    }

    /** The next message that is not a ping: the server sends its first one at once. */
    async message() {
        let text = await this.next();
        while (text === "2") text = await this.next();
        return text;
    }

    /** The open packet's content. */
    async handshake() {
        const text = await this.message();
        if (text[0] !== "0") throw new Error(`expected the handshake, got ${text}`);
        return JSON.parse(text.slice(1));
    }

    /** Resolves when the server has ended the connection. */
    end(limit = PATIENCE) {
        return inTime(this.closed, "the end of the connection", limit);
    }
}

/** One request of HTTP polling: status, content type and body. */
export async function poll(server, query, { method = "GET", body, headers } = {}) {
    const asked = fetch(address(server, { transport: "polling", ...query }), { method, body, headers });
    const response = await inTime(asked, "an answer to a poll");
    return {
        status: response.status,
        type: response.headers.get("content-type"),
        text: await inTime(response.text(), "the body of a poll"),
    };
}

/** Opens a polling session; the open packet's content. */
export async function pollingSession(server) {
    const { text } = await poll(server, {});
    return JSON.parse(text.slice(1));
}

/** The packets of a poll's body; they are separated by the record separator. */
export const packets = (text) => text.split("\x1e");
