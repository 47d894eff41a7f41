import { clientClosed, FanfareError } from "./errors.js";
import type { CommandOptions } from "./fanfare.js";
import { newId } from "./id.js";
import { Recent } from "./recent.js";
import type { Settings } from "./settings.js";

/** Of how many finished commands it is remembered that they were sent. */
const REMEMBERED = 200;

/** A command that has no answer yet. */
interface Waiting {
  readonly transmit: () => void;
  readonly resolve: (ack: unknown) => void;
  readonly reject: (error: FanfareError) => void;
  readonly expiry: ReturnType<typeof setTimeout>;
}

/** Sends a command and gives its acknowledgement; throws what the server refused with. */
type Send = (command: string, payload: unknown, timeoutMs: number) => Promise<unknown>;

/**
 * Commands, in order, with patience for a connection. Each carries a request id: one whose answer was lost
 * with the connection is repeated under the same id, which the server does once.
 */
export class Outbox {
  readonly #send: Send;
  readonly #bounds: Settings["queue"];
  readonly #waiting = new Map<string, Waiting>();
  readonly #results = new Recent<Promise<unknown>>(REMEMBERED);

  #isUp = false;

  constructor(send: Send, bounds: Settings["queue"]) {
    this.#send = send;
    this.#bounds = bounds;
  }

  async send(command: string, payload: Record<string, unknown>, options: CommandOptions): Promise<unknown> {
    const { requestId = newId(), ttlMs = this.#bounds.ttlMs } = options;
    const before = this.#results.get(requestId);
    if (before) {
      return before;
    }
    if (this.#waiting.size >= this.#bounds.limit) {
      throw new FanfareError("queue_full", `${this.#bounds.limit} commands are waiting already.`);
    }
    const expired = new FanfareError("command_expired", `'${command}' could not be sent within ${ttlMs} ms.`);
    const result = new Promise<unknown>((resolve, reject) => {
      const expiry = setTimeout(() => this.#settle(requestId)?.reject(expired), ttlMs);
      const transmit = () =>
        this.#send(command, { ...payload, requestId }, ttlMs).then(
          (ack) => this.#settle(requestId)?.resolve(ack),
          (error: FanfareError) => {
            // Without a connection, or on one that carries no commands, it waits for the next.
            if (error.code !== "connection_lost" && error.code !== "not_supported") {
              this.#settle(requestId)?.reject(error);
            }
          },
        );
      this.#waiting.set(requestId, { transmit, resolve, reject, expiry });
      if (this.#isUp) {
        transmit();
      }
    });
    this.#results.set(requestId, result);
    // What failed may be sent again under its id.
    result.catch(() => void this.#results.take(requestId));
    return result;
  }

  /** A connection is up. */
  opened(): void {
    this.#isUp = true;
    for (const { transmit } of [...this.#waiting.values()]) {
      transmit();
    }
  }

  closed(): void {
    this.#isUp = false;
  }

  /** Rejects everything that waits. */
  end(): void {
    for (const requestId of [...this.#waiting.keys()]) {
      this.#settle(requestId)?.reject(clientClosed());
    }
  }

  #settle(requestId: string): Waiting | undefined {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    clearTimeout(waiting?.expiry);
    return waiting;
  }
}
