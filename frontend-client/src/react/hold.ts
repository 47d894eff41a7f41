import type { Fanfare } from "../fanfare.js";

/** How many trees use a client, and the timer that disconnects it after the last. */
interface Hold {
  count: number;
  release: ReturnType<typeof setTimeout> | undefined;
}

const holds = new WeakMap<Fanfare, Hold>();

/**
 * Keeps a client connected until the returned function is called; the last one to let go disconnects it.
 * A moment later, because StrictMode and a moved tree unmount and mount in one breath.
 */
export function holdConnection(client: Fanfare): () => void {
  const hold = holds.get(client) ?? { count: 0, release: undefined };
  holds.set(client, hold);
  clearTimeout(hold.release);
  hold.count += 1;
  client.connect();
  return () => {
    hold.count -= 1;
    if (hold.count === 0) {
      hold.release = setTimeout(client.disconnect, 0);
    }
  };
}
