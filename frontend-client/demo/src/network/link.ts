import { FanfareError, type Link, type LinkEvents } from "@fanfare/client";

/** What a {@link FaultyLink} asks its network. */
export interface LinkContext {
  /** How long a message takes on its way at the moment. */
  readonly delayMs: () => number;
  /** The link is over, one way or another. */
  readonly over: () => void;
}

/** A link that can be delayed and broken. In each direction messages keep their order. */
export class FaultyLink implements Link {
  readonly #events: LinkEvents;
  readonly #context: LinkContext;
  readonly #up = new Way();
  readonly #down = new Way();
  #inner: Link | null = null;
  #isOver = false;

  constructor(events: LinkEvents, context: LinkContext) {
    this.#events = events;
    this.#context = context;
  }

  /** Opens the real link. */
  carry(open: (events: LinkEvents) => Link): void {
    const down = (action: () => void) =>
      this.#down.after(this.#context.delayMs(), () => !this.#isOver && action());
    this.#inner = open({
      opened: (greeting) => down(() => this.#events.opened(greeting)),
      message: (name, argument) => down(() => this.#events.message(name, argument)),
      heard: () => down(() => this.#events.heard()),
      closed: (error) => down(() => this.#end(error)),
    });
  }

  /** Breaks it, a moment later: nothing may be reported before the link has been handed out. */
  fail(error: FanfareError): void {
    this.#inner?.close();
    this.#inner = null;
    setTimeout(() => this.#end(error), 0);
  }

  /** Makes the server seem to say something. */
  say(name: string, argument: unknown): void {
    this.#down.after(0, () => !this.#isOver && this.#events.message(name, argument));
  }

  readonly request: Link["request"] = async (command, payload, timeoutMs) => {
    await this.#up.pass(this.#context.delayMs());
    if (!this.#inner || this.#isOver) {
      throw new FanfareError("connection_lost", "There is no connection to the server.");
    }
    const answer = await this.#inner.request(command, payload, timeoutMs);
    await this.#down.pass(this.#context.delayMs());
    return answer;
  };

  readonly close = (): void => {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#inner?.close();
      this.#context.over();
    }
  };

  #end(error: FanfareError): void {
    if (!this.#isOver) {
      this.close();
      this.#events.closed(error);
    }
  }
}

/** One direction: what is sent later does not arrive earlier, also when the delay has become shorter. */
class Way {
  #freeAt = 0;

  after(delayMs: number, action: () => void): void {
    const now = Date.now();
    this.#freeAt = Math.max(this.#freeAt, now + delayMs);
    if (this.#freeAt <= now) {
      action();
    } else {
      setTimeout(action, this.#freeAt - now);
    }
  }

  pass(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }
}
