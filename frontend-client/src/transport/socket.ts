import { io, type Socket } from "socket.io-client";
import { connectionLost, FanfareError, noAnswer } from "../errors.js";
import type { Code } from "../generated/protocol.js";
import { greetingOf } from "./greeting.js";
import type { Link, LinkEvents, Transport } from "./transport.js";

/** The refusals that CONNECT_ERROR carries as its message. */
const REFUSALS = /^(token_[a-z]+|connection_limit|forbidden)$/;

/**
 * Socket.IO over WebSocket. Each link is a socket of its own and the library's reconnection is off: a new
 * attempt needs a new token, and when to make one is decided in one place for all transports.
 */
export const socketTransport: Transport = {
  kind: "socket",
  open: (url, token, events) => new SocketLink(url, token, events),
};

class SocketLink implements Link {
  readonly #socket: Socket;
  readonly #events: LinkEvents;
  #greeted = false;
  #over = false;

  constructor(url: string, token: string, events: LinkEvents) {
    this.#events = events;
    const { origin, pathname } = new URL(url);
    this.#socket = io(origin, {
      path: `${pathname.replace(/\/$/, "")}/socket.io/`,
      transports: ["websocket"],
      auth: { token },
      reconnection: false,
      forceNew: true,
      autoConnect: false,
    });
    this.#socket.onAny((name: string, argument: unknown) => this.#said(name, argument));
    this.#socket.on("connect_error", (error) => this.#end(refusal(error)));
    this.#socket.on("disconnect", (reason) => {
      this.#end(new FanfareError("connection_lost", `The connection was lost: ${reason}.`));
    });
    this.#socket.io.on("ping", () => this.#events.heard());
    this.#socket.connect();
  }

  request(command: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.#socket.connected) {
        reject(connectionLost());
        return;
      }
      this.#socket.timeout(timeoutMs).emit(command, payload, (error: Error | null, ack: unknown) => {
        if (error) {
          reject(this.#socket.connected ? noAnswer(command) : connectionLost());
        } else {
          this.#events.heard();
          resolve(ack);
        }
      });
    });
  }

  close(): void {
    this.#over = true;
    this.#socket.offAny();
    this.#socket.disconnect();
  }

  #said(name: string, argument: unknown): void {
    if (this.#greeted || name !== "welcome") {
      this.#events.message(name, argument);
      return;
    }
    try {
      const greeting = greetingOf(argument);
      this.#greeted = true;
      this.#events.opened(greeting);
    } catch (error) {
      this.#end(FanfareError.from(error, "protocol_mismatch"));
    }
  }

  #end(error: FanfareError): void {
    if (!this.#over) {
      this.close();
      this.#events.closed(error);
    }
  }
}

function refusal(error: Error): FanfareError {
  if (REFUSALS.test(error.message)) {
    return new FanfareError(error.message as Code, `The server refused the connection: ${error.message}.`);
  }
  return new FanfareError("connection_lost", `The server cannot be reached: ${error.message}.`, {
    cause: error,
  });
}
