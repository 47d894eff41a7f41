import type { SubscribeMany, SubscribeRoom } from "../generated/protocol.js";

/**
 * Which tabs want which rooms. The connection is in a room as long as one tab wants it: the last one
 * to leave leaves for all.
 */
export class Interest {
  readonly #tabs = new Map<string, Set<string>>();

  /** Notes what a tab's command means. False when it must not reach the server, because others stay. */
  note(tab: string, command: string, payload: unknown): boolean {
    switch (command) {
      case "subscribe_many":
        for (const { room } of (payload as SubscribeMany).rooms) {
          this.#add(room, tab);
        }
        return true;
      case "presence_subscribe":
        this.#add(presenceOf(payload), tab);
        return true;
      case "unsubscribe":
        return this.#remove((payload as SubscribeRoom).room, tab);
      case "presence_unsubscribe":
        return this.#remove(presenceOf(payload), tab);
      default:
        return true;
    }
  }

  /** A tab is gone: the commands that leave what it alone wanted. */
  forget(tab: string): { command: string; payload: { room: string } }[] {
    const commands: { command: string; payload: { room: string } }[] = [];
    for (const key of [...this.#tabs.keys()]) {
      const wanted = this.#tabs.get(key)?.has(tab);
      if (wanted && this.#remove(key, tab)) {
        const room = key.replace(PRESENCE, "");
        commands.push({ command: room === key ? "unsubscribe" : "presence_unsubscribe", payload: { room } });
      }
    }
    return commands;
  }

  clear(): void {
    this.#tabs.clear();
  }

  #add(key: string, tab: string): void {
    this.#tabs.set(key, (this.#tabs.get(key) ?? new Set()).add(tab));
  }

  /** True when nobody wants it any more. */
  #remove(key: string, tab: string): boolean {
    const tabs = this.#tabs.get(key);
    tabs?.delete(tab);
    if (!tabs?.size) {
      this.#tabs.delete(key);
      return true;
    }
    return false;
  }
}

const PRESENCE = "presence of ";
const presenceOf = (payload: unknown) => `${PRESENCE}${(payload as SubscribeRoom).room}`;
