import type { ProblemDocument } from "../generated/protocol.js";
import type { FakeServer } from "./server.js";
import { isReadable } from "./wish.js";

const PATH = /\/api\/rooms\/([^/]+)\/events$/;

/** The server's HTTP routes that a client uses: whether it is alive, and the log of a room. */
export function historyOver(server: FakeServer): (url: string, init: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const { pathname, searchParams } = new URL(url);
    await new Promise((resolve) => setTimeout(resolve, server.network.latencyMs));
    init.signal?.throwIfAborted();
    if (server.refuseConnections === "unreachable") {
      throw new TypeError("fetch failed");
    }
    if (pathname.endsWith("/healthz")) {
      return new Response("ok");
    }
    const room = decodeURIComponent(PATH.exec(pathname)?.[1] ?? "");
    server.received.push({ command: "GET", payload: { room, query: Object.fromEntries(searchParams) } });
    if (server.refuseConnections !== null) {
      return problem(401, server.refuseConnections);
    }
    if (!isReadable({ room })) {
      return problem(400, "bad_request");
    }
    const refusal = server.refusalOf("GET", room) ?? server.refusalOf("GET", null);
    if (refusal) {
      return problem(refusal.code === "not_found" ? 404 : 503, refusal.code);
    }
    const { log } = server;
    const limit = Number(searchParams.get("limit") ?? 100);
    const after = {
      epoch: searchParams.get("epoch") ?? log.epoch,
      offset: Number(searchParams.get("after") ?? 0),
    };
    const events = limit === 0 ? [] : log.since(room, after, Number.POSITIVE_INFINITY);
    if (!events) {
      return problem(410, "history_trimmed");
    }
    return Response.json({ epoch: log.epoch, room, head: log.head(room), events: events.slice(0, limit) });
  };
}

function problem(status: number, code: ProblemDocument["code"]): Response {
  const document: ProblemDocument = {
    type: "about:blank",
    title: code,
    status,
    detail: `Refused: ${code}.`,
    code,
  };
  return Response.json(document, { status });
}
