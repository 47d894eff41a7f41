// The smallest page that follows a room: what it was told stands in `window.watch`, for the tests to read.
import {
  type ConnectionState,
  createFanfare,
  type Fanfare,
  type FanfareOptions,
} from "../../../src/index.js";

/** What the page knows. */
export interface Watch {
  readonly fanfare: Fanfare;
  /** The populations that the handlers were told, in order. */
  readonly populations: number[];
  /** Why the room was declared stale, each time. */
  readonly stale: string[];
  /** Every state of the connection, with the time since the page began, in milliseconds. */
  readonly states: { readonly at: number; readonly state: ConnectionState }[];
}

declare global {
  interface Window {
    watch: Watch;
  }
}

const parameters = new URLSearchParams(location.search);
const parameter = (name: string) => parameters.get(name) ?? "";
const server = parameter("server");

async function login(): Promise<string> {
  const answer = await fetch(`${server}/api/dev/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userId: parameter("user") }),
  });
  return ((await answer.json()) as { token: string }).token;
}

const transport = (parameters.get("transport") ?? "auto") as Exclude<FanfareOptions["transport"], undefined>;
const fanfare = createFanfare({
  url: server,
  getToken: login,
  transport,
  pollIntervalMs: 200,
  shareTabs: parameters.get("share") !== "no",
});
const watch: Watch = { fanfare, populations: [], stale: [], states: [] };
window.watch = watch;

const show = (id: string, text: string) => {
  const element = document.getElementById(id);
  if (element) {
    element.textContent = text;
  }
};
fanfare.connection.subscribe(() => {
  const state = fanfare.connection.getSnapshot();
  watch.states.push({ at: performance.now(), state });
  show("status", `${state.status} ${state.sharing}`);
});
fanfare.subscribe(parameter("room"), {
  onSettlementUpdated: ({ payload }) => {
    watch.populations.push(Number(payload.settlementData?.["population"]));
    show("populations", watch.populations.join(" "));
  },
  onStale: (_, reason) => watch.stale.push(reason),
});
