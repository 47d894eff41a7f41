import { backoff, DEFAULT_POLICY } from "../connection/backoff.js";
import { FanfareError } from "../errors.js";
import type { SubscribeMany, SubscribeRoom } from "../generated/protocol.js";
import { Timer } from "../timer.js";
import { successOf } from "../wire/check.js";
import type { Room } from "./room.js";

/** Below the server's limit of rooms a connection may be in, whatever it is set to within reason. */
const ROOMS_AT_ONCE = 32;
/** Requests that may follow each other at once, and the pace after that: below the server's rate limit. */
const BURST = 8;
const SPACING_MS = 50;
/** The server has decided: trying again would give the same answer. */
const FINAL = ["not_found", "forbidden", "bad_request"];

/** A room that was asked for, and what the server said. */
export interface Answered {
  readonly room: Room;
  readonly wish: SubscribeRoom;
  /** Unchecked. */
  readonly ack: Record<string, unknown>;
}

/** What {@link Joins} needs of its surroundings. */
export interface JoinsContext {
  readonly request: (command: string, payload: SubscribeMany) => Promise<unknown>;
  readonly random: () => number;
  /** Joins that succeeded, together because their events are in one order. */
  readonly answered: (answers: Answered[]) => void;
}

/** Asks for rooms: many in one request, again when time can heal the refusal, never in a hurry. */
export class Joins {
  readonly #context: JoinsContext;
  readonly #wanted = new Set<Room>();
  readonly #spacing = new Timer();
  #due = false;
  /** How many requests may be sent at once, as of `#countedAt`. */
  #credit = BURST;
  #countedAt = 0;

  constructor(context: JoinsContext) {
    this.#context = context;
  }

  /** Asks for the room, after a while if given. */
  want(room: Room, delayMs = 0): void {
    room.retry.clear();
    // An answer that is on its way was asked for under other circumstances.
    room.ticket = null;
    if (room.phase !== "joining") {
      room.enter("joining");
    }
    if (delayMs > 0) {
      room.retry.set(delayMs, () => this.want(room));
      return;
    }
    this.#wanted.add(room);
    if (!this.#due && !this.#spacing.isSet) {
      this.#due = true;
      // What is wanted in one go goes together.
      queueMicrotask(() => this.#send());
    }
  }

  /** Forgets that the room was wanted. */
  cancel(room: Room): void {
    this.#wanted.delete(room);
    room.retry.clear();
    room.ticket = null;
  }

  /** The connection is gone: whatever was asked for has to be asked for again. */
  reset(): void {
    this.#wanted.clear();
    this.#spacing.clear();
  }

  #send(): void {
    this.#due = false;
    const now = performance.now();
    this.#credit = Math.min(BURST, this.#credit + (now - this.#countedAt) / SPACING_MS);
    this.#countedAt = now;
    while (this.#wanted.size > 0 && this.#credit >= 1) {
      this.#request([...this.#wanted].slice(0, ROOMS_AT_ONCE));
    }
    if (this.#wanted.size > 0) {
      this.#spacing.set(SPACING_MS * (1 - this.#credit), () => this.#send());
    }
  }

  #request(rooms: readonly Room[]): void {
    if (rooms.length === 0) {
      return;
    }
    this.#credit -= 1;
    const asked = rooms.map((room) => {
      this.#wanted.delete(room);
      const ticket = {};
      room.ticket = ticket;
      const position = room.overdue === null ? room.log.position : null;
      const wish: SubscribeRoom = position ? { room: room.name, position } : { room: room.name };
      return { room, wish, isCurrent: () => room.ticket === ticket };
    });
    this.#context
      .request("subscribe_many", { rooms: asked.map(({ wish }) => wish) })
      .then((ack) => {
        const { results } = successOf(ack);
        const answers: Answered[] = [];
        for (const [index, { room, wish, isCurrent }] of asked.entries()) {
          if (isCurrent()) {
            try {
              answers.push({ room, wish, ack: successOf((results as unknown[] | null)?.[index], room.name) });
            } catch (error) {
              this.#failed(room, error);
            }
          }
        }
        this.#context.answered(answers);
      })
      .catch((error: unknown) => {
        const current = asked.filter(({ isCurrent }) => isCurrent()).map(({ room }) => room);
        if (asked.length > 1 && (error as FanfareError).code === "bad_request") {
          // One name that the server cannot read spoils the request for all: halving finds it.
          const middle = (current.length + 1) >> 1;
          this.#request(current.slice(0, middle));
          this.#request(current.slice(middle));
          return;
        }
        for (const room of current) {
          this.#failed(room, error);
        }
      });
  }

  #failed(room: Room, cause: unknown): void {
    const error = FanfareError.from(cause, "internal");
    room.ticket = null;
    if (FINAL.includes(error.code)) {
      room.refuse(error, error.code === "forbidden" ? "forbidden" : "not_found");
    } else if (error.code !== "connection_lost") {
      room.failures += 1;
      if (room.failures === 1) {
        for (const use of [...room.uses]) {
          use.refused(error, false);
        }
      }
      const wait = backoff(DEFAULT_POLICY, room.failures, this.#context.random());
      this.want(room, Math.max(error.retryAfterMs ?? 0, wait, SPACING_MS));
    }
  }
}
