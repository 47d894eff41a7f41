import { ApolloClient, HttpLink } from "@apollo/client";
import { createFanfare, type Fanfare } from "@fanfare/client";
import { bindApolloCache } from "@fanfare/client/apollo";
import { createWorldTimeStore, type WorldTimeStore } from "@fanfare/client/zustand";
import { authorized } from "../network/authorized.js";
import { Network } from "../network/network.js";
import type { Session, Sessions } from "../session/session.js";
import { newCache } from "./cache.js";

/** Everything that belongs to one signed-in user. */
export interface Client {
  readonly fanfare: Fanfare;
  readonly apollo: ApolloClient;
  readonly network: Network;
  readonly clocks: WorldTimeStore;
}

/** One client for each user that is signed in, for as long as that lasts. */
const clients = new Map<string, Client>();

/** The client of the session's user. It connects when it is used, and ends with the session. */
export function clientOf(sessions: Sessions, session: Session): Client {
  const { userId } = session;
  const known = clients.get(userId);
  if (known) {
    return known;
  }
  const { client, end } = newClient(sessions, userId);
  clients.set(userId, client);
  const unwatch = sessions.current.subscribe(() => {
    if (sessions.current.getSnapshot()?.userId !== userId) {
      unwatch();
      clients.delete(userId);
      // Not at once: what is just being shown may still have to let go of it.
      setTimeout(end);
    }
  });
  return client;
}

function newClient(sessions: Sessions, userId: string): { client: Client; end: () => void } {
  const network = new Network(
    (input, init) => fetch(input, init),
    () => window.dispatchEvent(new Event("online")),
  );
  const unshare =
    typeof BroadcastChannel === "undefined"
      ? () => {}
      : network.share(new BroadcastChannel(`fanfare-faults ${userId}`));
  const fanfare = createFanfare({
    url: "/",
    getToken: sessions.token,
    wrapTransport: network.wrap,
    ...transportWish(),
  });
  const apollo = new ApolloClient({
    link: new HttpLink({ uri: "/graphql", fetch: authorized(sessions, network.fetch) }),
    cache: newCache(),
  });
  const { unbind } = bindApolloCache(fanfare, apollo);
  const clocks = createWorldTimeStore(fanfare);
  const end = () => {
    clocks.unbind();
    unbind();
    fanfare.close();
    apollo.stop();
    unshare();
  };
  return { client: { fanfare, apollo, network, clocks }, end };
}

/** `?transport=polling` and `?tabs=alone` in the address are for the curious. */
function transportWish(): { transport?: "socket" | "polling"; shareTabs?: false } {
  const wish = new URLSearchParams(location.search);
  const transport = wish.get("transport");
  return {
    ...(transport === "socket" || transport === "polling" ? { transport } : {}),
    ...(wish.get("tabs") === "alone" ? { shareTabs: false } : {}),
  };
}
