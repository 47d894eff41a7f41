import { Client } from "./client.js";
import { Connection } from "./connection/connection.js";
import type { Line, LineEvents } from "./connection/line.js";
import { Tokens } from "./connection/tokens.js";
import { type Environment, surroundings } from "./environment.js";
import { FanfareError } from "./errors.js";
import type { Fanfare } from "./fanfare.js";
import type { FanfareOptions } from "./options.js";
import { type Settings, settingsOf } from "./settings.js";
import { TabLine } from "./tabs/on-demand.js";
import { pollingTransport } from "./transport/on-demand.js";
import { socketTransport } from "./transport/socket.js";
import type { Transport } from "./transport/transport.js";
import { inspection } from "./wire/inspect.js";

/**
 * Makes a client. It connects when the first room is joined, or by `connect()`; until then it does nothing,
 * so that it can be made anywhere, on a server too.
 *
 * ```ts
 * const fanfare = createFanfare({ url: "https://fanfare.example", getToken: () => session.token() });
 * const room = fanfare.subscribe(`campaign:${id}`, {
 *   onSettlementUpdated: (event) => show(event.payload),
 *   onStale: () => readAgain(),
 * });
 * await room.ready; // What is read from now on misses nothing.
 * ```
 * @throws FanfareError `invalid_option` with a sentence that says what to do.
 */
export function createFanfare(options: FanfareOptions): Fanfare {
  return createFanfareIn(surroundings(), options);
}

/** Makes a client in surroundings of one's own choice: for tests. */
export function createFanfareIn(environment: Environment, options: FanfareOptions): Fanfare {
  const settings = settingsOf(options);
  const report = reporting(settings.onError);
  return new Client({
    settings,
    report,
    environment,
    inspect: inspection(report),
    openLine: (events) => lineFor(settings, environment, report, events),
  });
}

function lineFor(
  settings: Settings,
  environment: Environment,
  report: (error: unknown) => void,
  events: LineEvents,
): Line {
  const [transport, otherTransport] = transportsOf(settings, environment);
  const { url, reconnect: policy, shareTabs } = settings;
  const tokens = new Tokens(settings.getToken);
  const parts = { url, policy, tokens, transport, otherTransport, environment, report };
  const { locks, openChannel } = environment;
  return shareTabs !== false && locks && openChannel
    ? new TabLine(parts, shareTabs, { locks, openChannel }, events)
    : new Connection(parts, events);
}

/** Tells of an error, whatever was thrown. The one who is told may fail as well, and must not break what goes on. */
function reporting(tell: (error: FanfareError) => void): (error: unknown) => void {
  return (error) => {
    try {
      tell(FanfareError.from(error, "handler_failed"));
    } catch (mistake) {
      // biome-ignore lint/suspicious/noConsole: there is nobody else to tell.
      console.error(mistake);
    }
  };
}

function transportsOf(settings: Settings, environment: Environment): [Transport, Transport | null] {
  const { transport, wrapTransport: wrap } = settings;
  const polling = () => wrap(pollingTransport(environment, settings.pollIntervalMs));
  switch (transport) {
    case "auto":
      return [wrap(socketTransport), polling()];
    case "socket":
      return [wrap(socketTransport), null];
    case "polling":
      return [polling(), null];
    default:
      return [wrap(transport), null];
  }
}
