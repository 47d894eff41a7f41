import type { Transport } from "../transport/transport.js";

/** Attempts by socket that must fail before polling is tried. */
const PATIENCE = 3;

/** Which transport is next: the socket, and polling while the socket cannot be opened. */
export class Fallback {
  readonly preferred: Transport;
  readonly #other: Transport | null;
  #failures = 0;

  constructor(preferred: Transport, other: Transport | null) {
    this.preferred = preferred;
    this.#other = other;
  }

  /** The transport for the next attempt. */
  next(): Transport {
    return this.#other && this.#failures >= PATIENCE ? this.#other : this.preferred;
  }

  /** Whether there is a better transport than the one in use. */
  isSecondBest(transport: Transport): boolean {
    return transport !== this.preferred;
  }

  opened(transport: Transport): void {
    if (transport === this.preferred) {
      this.forget();
    }
  }

  /** The network may be another now: what could not be opened before may be opened. */
  forget(): void {
    this.#failures = 0;
  }

  /** The transport could not be opened, for reasons of its own. */
  failed(transport: Transport): void {
    // When polling fails as well, the two take turns.
    this.#failures = transport === this.preferred ? this.#failures + 1 : PATIENCE - 1;
  }
}
