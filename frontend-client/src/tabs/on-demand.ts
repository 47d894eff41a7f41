import { Connection, type ConnectionParts } from "../connection/connection.js";
import type { Line, LineEvents } from "../connection/line.js";
import { type ConnectionState, DISCONNECTED } from "../connection/state.js";
import { connectionLost } from "../errors.js";
import { Cell } from "../store.js";
import type { TabBrowser } from "./membership.js";

/**
 * A line that tabs share. Its code is loaded when it is needed first; a page that cannot load it has a
 * connection of its own.
 */
export class TabLine implements Line {
  readonly state: Cell<ConnectionState>;
  readonly #load: () => Promise<Line>;
  #line: Line | null = null;
  #isWanted = false;

  constructor(parts: ConnectionParts, name: string, browser: TabBrowser, events: LineEvents) {
    this.state = new Cell(DISCONNECTED, parts.report);
    this.#load = () =>
      import("./shared-line.js").then(
        ({ SharedLine }) => new SharedLine(parts, name, browser, events),
        () => new Connection(parts, events),
      );
  }

  async start(): Promise<void> {
    const isFirst = this.state.getSnapshot() === DISCONNECTED;
    this.#isWanted = true;
    if (this.#line) {
      this.#line.start();
    } else if (isFirst) {
      this.state.update({ status: "connecting" });
      const line = await this.#load();
      this.#line = line;
      line.state.subscribe(() => this.state.update(line.state.getSnapshot()));
      if (this.#isWanted) {
        line.start();
      }
    }
  }

  stop(): void {
    this.#isWanted = false;
    this.#line?.stop();
    this.state.update(DISCONNECTED);
  }

  wake(): void {
    this.#line?.wake();
  }

  request(command: string, payload: unknown, timeoutMs?: number): Promise<unknown> {
    return this.#line?.request(command, payload, timeoutMs) ?? Promise.reject(connectionLost());
  }
}
