import type { Envelope } from "../generated/protocol.js";
import { asEnvelope, asJoinAnswer, type JoinAnswer } from "../wire/check.js";
import type { Answered } from "./joins.js";
import type { Room } from "./room.js";
import type { StaleCause } from "./types.js";

/** Answers in a row that may leave a gap open before the room starts over. */
const OPEN_GAPS = 4;
/** Before a gap that an answer left open is asked about again; doubles each time. */
const ASK_AGAIN_MS = 250;

/** What the taking of answers needs of its surroundings. */
export interface RecoveryContext {
  /** Hands the event to those rooms in `recovering` whose next it is, and to every room that is live. */
  readonly deliver: (event: Envelope, recovering: ReadonlySet<Room>) => void;
  readonly want: (room: Room, delayMs: number) => void;
  readonly badMessage: (what: string, room: string) => void;
}

/** A join that is said to bring everything that was missed. */
interface Recovery {
  readonly room: Room;
  readonly answer: JoinAnswer;
  readonly events: readonly Envelope[];
}

/**
 * Takes the answers to one request: brings every room to the place that its answer names, by the events
 * in it or by declaring it stale. What the server claims is checked: `recovered` over a hole is not believed.
 */
export function takeAnswers(answers: readonly Answered[], context: RecoveryContext): void {
  const recoveries: Recovery[] = [];
  for (const { room, wish, ack } of answers) {
    room.ticket = null;
    const answer = asJoinAnswer(ack, room.name);
    if (!answer) {
      context.badMessage("the answer to a join", room.name);
      context.want(room, ASK_AGAIN_MS * 2 ** Math.min(++room.failures, 7));
    } else if (!wish.position) {
      startAt(room, answer, room.overdue);
    } else if (
      !answer.recovered ||
      answer.epoch !== wish.position.epoch ||
      answer.offset < wish.position.offset
    ) {
      startAt(room, answer, room.overdue ?? "not_recovered");
    } else {
      const events = answer.events.map(asEnvelope).filter((event) => event !== null);
      if (events.length < answer.events.length) {
        context.badMessage("a missed event", room.name);
        startAt(room, answer, "bad_envelope");
      } else {
        recoveries.push({ room, answer, events });
      }
    }
  }
  recover(recoveries, context);
  for (const { room } of answers) {
    if (room.phase === "live") {
      settle(room, context);
    }
  }
}

function recover(recoveries: readonly Recovery[], context: RecoveryContext): void {
  const recovering = new Set(recoveries.map(({ room }) => room));
  for (const event of inOrder(recoveries.map(({ events }) => events))) {
    context.deliver(event, recovering);
  }
  for (const { room, answer } of recoveries) {
    if ((room.log.position?.offset ?? 0) < answer.offset) {
      startAt(room, answer, "gap_not_closed");
    } else {
      room.enter("live");
    }
  }
}

function startAt(room: Room, { epoch, offset }: JoinAnswer, stale: StaleCause | null): void {
  // A handler may have ended the connection, or the client, meanwhile.
  if (room.phase === "joining") {
    room.log.position = { epoch, offset };
    room.enter("live");
    if (stale !== null) {
      room.declareStale(stale);
    }
  }
}

/** Hands out what waited for the answer. A gap that is still open is asked about again, but not forever. */
function settle(room: Room, context: RecoveryContext): void {
  for (let event = room.log.takeNext(); event; event = room.log.takeNext()) {
    context.deliver(event, new Set([room]));
    room.openGaps = 0;
  }
  if (!room.log.isWaiting) {
    room.openGaps = 0;
    return;
  }
  room.openGaps += 1;
  if (room.openGaps > OPEN_GAPS) {
    room.openGaps = 0;
    room.overdue = "gap_not_closed";
    room.log.forgetWaiting();
  }
  context.want(room, ASK_AGAIN_MS * 2 ** room.openGaps);
}

/**
 * The events of several rooms, each once. Rooms of one family share a root that orders them all: its
 * offset, the first of an event, puts them into the order in which they happened.
 */
function inOrder(lists: readonly (readonly Envelope[])[]): Envelope[] {
  const byRoot = new Map<string, Map<number, Envelope>>();
  for (const event of lists.flat()) {
    const [root, offset] = Object.entries(event.offsets)[0] ?? ["", 0];
    const events = byRoot.get(root) ?? new Map<number, Envelope>();
    byRoot.set(root, events.set(offset, event));
  }
  return [...byRoot.values()].flatMap((events) =>
    [...events].sort(([a], [b]) => a - b).map(([, event]) => event),
  );
}
