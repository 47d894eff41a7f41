// What an application does that wants one room whole: it joins after every connect from where it was, and applies
// events by their offsets.
import { inTime } from "./wait.js";

/** Follows one room through every connection of a client. */
export class Reader {
    /** Every event applied, in the order it was. */
    events = [];
    /** The acknowledgements of all joins. */
    joins = [];
    #waiting = new Set();

    constructor(socket, room, position) {
        this.socket = socket;
        this.room = room;
        this.position = position;
        socket.on("connect", () => this.#join());
        if (socket.connected) this.#join();
        socket.onAny((_, event) => {
            if (event?.offsets && room in event.offsets) this.#apply(event);
        });
    }

    #join() {
        // A callback and not a promise: the first event may be in the same read as the answer.
        this.socket.emit("subscribe", { room: this.room, position: this.position }, (ack) => {
            this.joins.push(ack);
            if (ack.success && ack.recovered) {
                ack.events.forEach((event) => this.#apply(event));
            } else if (ack.success) {
                this.position = { epoch: ack.epoch, offset: ack.offset };
            }
            this.#look();
        });
    }

    #apply(event) {
        const offset = event.offsets[this.room];
        // Nothing is corrected here: what does not follow is the server's mistake.
        if (this.position === undefined) throw new Error(`offset ${offset} came before the answer to the join`);
        if (offset !== this.position.offset + 1) {
            throw new Error(`offset ${offset} follows ${this.position.offset}`);
        }
        this.position = { epoch: event.epoch, offset };
        this.events.push(event);
        this.#look();
    }

    #look() {
        for (const look of this.#waiting) look();
    }

    /** Resolves when the condition holds. */
    async until(holds, what) {
        let look;
        const held = new Promise((resolve) => {
            look = () => holds(this) && resolve();
            this.#waiting.add(look);
            look();
        });
        await inTime(held, what).finally(() => this.#waiting.delete(look));
        return this;
    }

    /** Resolves when the client has joined that often. */
    joined(times = 1) {
        return this.until(({ joins }) => joins.length >= times, `join ${times} of ${this.room}`);
    }

    /** Resolves when it has the event at that offset. */
    reaches(offset) {
        return this.until(({ position }) => position?.offset >= offset, `offset ${offset} of ${this.room}`);
    }

    /** Resolves when it has the settlement's change to that name. */
    hears(name) {
        return this.until(({ names }) => names.includes(name), `the name ${name}`);
    }

    /** The settlement names that it was told, in order. */
    get names() {
        return this.events.filter(({ payload }) => payload.changedFields?.includes("name")).map(({ payload }) => payload.settlementData.name);
    }
}
