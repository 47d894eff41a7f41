import { connectionLost, type FanfareError, noAnswer } from "../errors.js";
import type { Link, LinkEvents } from "../transport/transport.js";

/** A message from the server to a client. */
export interface Message {
  readonly name: string;
  readonly argument: unknown;
}

/** The faults of the network between a fake server and its clients. */
export interface Network {
  /** How long everything takes, each way, in milliseconds. */
  latencyMs: number;
  /** Decides what becomes of each message to a client: itself, nothing, itself twice, another one. */
  disturb: ((message: Message) => readonly Message[]) | null;
}

/** The server's end of a wire. */
export interface WireEnd {
  readonly command: (name: string, payload: Record<string, unknown>) => unknown;
  readonly closed: () => void;
}

/** One connection between a client and a fake server: in order, with the network's faults. */
export class FakeWire implements Link {
  /** Nothing gets through any more, and nobody notices. */
  isStalled = false;
  readonly #network: Network;
  readonly #events: LinkEvents;
  #end: WireEnd | null = null;
  #isOpen = true;
  #arrival = 0;
  readonly #unanswered = new Set<(error: FanfareError) => void>();

  constructor(network: Network, events: LinkEvents) {
    this.#network = network;
    this.#events = events;
  }

  /** The server has taken the connection. */
  attach(end: WireEnd): void {
    this.#end = end;
  }

  request(command: string, payload: unknown, timeoutMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) {
        reject(connectionLost());
        return;
      }
      const done = () => {
        clearTimeout(timer);
        this.#unanswered.delete(fail);
      };
      const fail = (error: FanfareError) => {
        done();
        reject(error);
      };
      const timer = setTimeout(() => fail(noAnswer(command)), timeoutMs);
      this.#unanswered.add(fail);
      this.#later(() => {
        const ack = this.#end?.command(command, structuredClone(payload) as Record<string, unknown>);
        // What the server does not answer stays unanswered.
        if (ack !== undefined) {
          const copy: unknown = structuredClone(ack);
          this.#later(() => {
            done();
            this.#events.heard();
            resolve(copy);
          });
        }
      });
    });
  }

  /** Tells the client that the server has accepted it. */
  greet(greeting: Parameters<LinkEvents["opened"]>[0]): void {
    this.#later(() => this.#events.opened(greeting));
  }

  /** Sends a message to the client, as the network will have it. */
  say(name: string, argument: unknown): void {
    const message: Message = { name, argument: structuredClone(argument) };
    for (const arriving of this.#network.disturb?.(message) ?? [message]) {
      this.#later(() => this.#events.message(arriving.name, arriving.argument));
    }
  }

  /** The client ends it. */
  close(): void {
    this.#finish();
    this.#end?.closed();
  }

  /** The connection breaks; what was on its way is lost. */
  cut(error: FanfareError = connectionLost()): void {
    if (this.#isOpen) {
      this.#finish();
      this.#end?.closed();
      this.#events.closed(error);
    }
  }

  /** As `cut`, but the client learns of it as late as of everything else. */
  refuse(error: FanfareError): void {
    this.#later(() => this.cut(error));
  }

  #finish(): void {
    this.#isOpen = false;
    for (const fail of [...this.#unanswered]) {
      fail(connectionLost());
    }
  }

  #later(action: () => void): void {
    const deliver = () => {
      if (this.#isOpen && !this.isStalled) {
        action();
      }
    };
    // What was sent later never arrives earlier, even when the network has become faster meanwhile.
    this.#arrival = Math.max(this.#arrival, performance.now() + this.#network.latencyMs);
    const wait = this.#arrival - performance.now();
    if (wait > 0) {
      setTimeout(deliver, wait);
    } else {
      queueMicrotask(deliver);
    }
  }
}
