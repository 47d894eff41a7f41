import { FanfareError, type LinkEvents, type Transport } from "@fanfare/client";
import { Cell } from "../store.js";
import { FaultyLink } from "./link.js";

/** What is wrong with the network at the moment. */
export interface NetworkState {
  /** Until when it is cut, in milliseconds since 1970; null when it is not. */
  readonly cutUntil: number | null;
  /** How long everything takes on its way, each way, in milliseconds. */
  readonly delayMs: number;
}

/** Something that can be done to the network. */
export type Fault =
  /** Nothing gets through for so long. */
  | { readonly kind: "cut"; readonly ms: number }
  | { readonly kind: "mend" }
  /** The connection breaks; the next one works. */
  | { readonly kind: "kill" }
  /** Everything takes so much longer; 0 for no longer. */
  | { readonly kind: "delay"; readonly ms: number }
  /** The server can no longer prove that nothing was missed in this room. */
  | { readonly kind: "stale"; readonly room: string }
  /** The connection ends, and the next token that is shown is refused. */
  | { readonly kind: "expire" };

/** Gives a fault to the other tabs of the same user, one of which may hold the connection. */
export interface FaultChannel {
  postMessage(fault: Fault): void;
  onmessage: ((event: MessageEvent<Fault>) => void) | null;
  close(): void;
}

const SOUND: NetworkState = { cutUntil: null, delayMs: 0 };

/**
 * The network between this page and its server, with faults to order. It goes around the real transport and
 * the real `fetch`: the client, the server and everything between them are what they are in production.
 */
export class Network {
  readonly state = new Cell<NetworkState>(SOUND);
  readonly #fetch: typeof fetch;
  readonly #restored: () => void;
  readonly #listeners = new Set<(fault: Fault) => void>();
  readonly #links = new Set<FaultyLink>();
  #channel: FaultChannel | null = null;
  #mending: ReturnType<typeof setTimeout> | undefined;
  #spoilsToken = false;

  /** `restored` is called when the network is back, as a browser tells it with its event `online`. */
  constructor(fetchFunction: typeof fetch, restored: () => void) {
    this.#fetch = fetchFunction;
    this.#restored = restored;
  }

  /** Shares faults with other tabs, until the returned function is called. */
  share(channel: FaultChannel): () => void {
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#apply(data);
    return () => {
      channel.close();
      this.#channel = null;
    };
  }

  /** Does something to the network of every tab of the user. */
  readonly inflict = (fault: Fault): void => {
    this.#channel?.postMessage(fault);
    this.#apply(fault);
  };

  /** Tells of every fault, also of those that were ordered in other tabs. */
  onFault(listener: (fault: Fault) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get isCut(): boolean {
    return this.state.getSnapshot().cutUntil !== null;
  }

  /** Puts this network below a transport of the client. */
  readonly wrap = (transport: Transport): Transport => ({
    ...transport,
    open: (url, token, events) => this.#open(transport, url, token, events),
  });

  /** `fetch` through this network. */
  readonly fetch: typeof fetch = async (input, init) => {
    const { delayMs } = this.state.getSnapshot();
    if (delayMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, 2 * delayMs));
    }
    if (this.isCut) {
      throw new TypeError("The network was cut on purpose.");
    }
    return this.#fetch(input, init);
  };

  #open(transport: Transport, url: string, token: string, events: LinkEvents): FaultyLink {
    const shown = this.#spoilsToken ? spoilt(token) : token;
    this.#spoilsToken = false;
    const link: FaultyLink = new FaultyLink(events, {
      delayMs: () => this.state.getSnapshot().delayMs,
      over: () => this.#links.delete(link),
    });
    this.#links.add(link);
    if (this.isCut) {
      link.fail(new FanfareError("connection_lost", "The network was cut on purpose."));
    } else {
      link.carry((wrapped) => transport.open(url, shown, wrapped));
    }
    return link;
  }

  #apply(fault: Fault): void {
    switch (fault.kind) {
      case "cut":
        clearTimeout(this.#mending);
        this.#mending = setTimeout(() => this.#apply({ kind: "mend" }), fault.ms);
        this.#set({ cutUntil: Date.now() + fault.ms });
        this.#endAll("The network was cut on purpose.");
        break;
      case "mend":
        clearTimeout(this.#mending);
        if (!this.isCut) {
          return;
        }
        this.#set({ cutUntil: null });
        this.#restored();
        break;
      case "kill":
        this.#endAll("The connection was broken on purpose.");
        break;
      case "delay":
        this.#set({ delayMs: fault.ms });
        break;
      case "stale":
        for (const link of this.#links) {
          link.say("room_state_invalidated", { room: fault.room, reason: "unverified" });
        }
        break;
      case "expire":
        this.#spoilsToken = true;
        this.#endAll("The token has expired, on purpose.");
        break;
    }
    for (const listener of [...this.#listeners]) {
      listener(fault);
    }
  }

  #set(change: Partial<NetworkState>): void {
    this.state.set({ ...this.state.getSnapshot(), ...change });
  }

  #endAll(why: string): void {
    for (const link of [...this.#links]) {
      link.fail(new FanfareError("connection_lost", why));
    }
  }
}

/** The token with another signature: the server refuses it. */
function spoilt(token: string): string {
  const [head = "", payload = "", signature = ""] = token.split(".");
  return [head, payload, [...signature].reverse().join("")].join(".");
}
