import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** One client of a {@link SocketServer}. */
export interface SocketClient {
  /** The CONNECT payload. */
  readonly auth: { readonly token?: string };
  readonly socket: WebSocket;
  readonly say: (name: string, argument: unknown) => void;
}

/** What a {@link SocketServer} does. */
export interface SocketScript {
  /** A refusal's code, or null to accept. */
  readonly refusal?: (token: string | undefined) => string | null;
  readonly welcome?: object;
  /** The acknowledgement of a command; undefined leaves it unanswered. */
  readonly command?: (name: string, payload: unknown) => unknown;
  readonly pingIntervalMs?: number;
}

/** Engine.IO and Socket.IO over WebSocket, written out: just enough of a server for the real client library. */
export async function socketServer(script: SocketScript) {
  const http = createServer((_, response) => response.writeHead(503).end());
  const sockets = new WebSocketServer({ server: http });
  const clients: SocketClient[] = [];
  const paths: string[] = [];
  sockets.on("connection", (socket, request) => {
    paths.push(request.url ?? "");
    const say = (name: string, argument: unknown) => socket.send(`42${JSON.stringify([name, argument])}`);
    const pingInterval = script.pingIntervalMs ?? 20_000;
    const opening = { sid: "secret", upgrades: [], pingInterval, pingTimeout: 10_000, maxPayload: 65_536 };
    socket.send(`0${JSON.stringify(opening)}`);
    const ping = setInterval(() => socket.send("2"), pingInterval);
    socket.on("close", () => clearInterval(ping));
    socket.on("message", (data) => {
      const text = String(data);
      if (text.startsWith("40")) {
        const auth = JSON.parse(text.slice(2) || "{}") as { token?: string };
        const refusal = script.refusal?.(auth.token) ?? null;
        if (refusal !== null) {
          socket.send(`44${JSON.stringify({ message: refusal })}`);
          return;
        }
        clients.push({ auth, socket, say });
        socket.send('40{"sid":"other-secret"}');
        say("welcome", script.welcome ?? { protocol: 1, connectionId: "c-1", userId: "mira" });
        return;
      }
      const command = /^42(\d+)(\[.*)$/s.exec(text);
      if (command) {
        const [name, payload] = JSON.parse(command[2] ?? "[]") as [string, unknown];
        const ack = script.command?.(name, payload);
        if (ack !== undefined) {
          socket.send(`43${command[1]}${JSON.stringify([ack])}`);
        }
      }
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const end = async () => {
    for (const socket of sockets.clients) {
      socket.terminate();
    }
    sockets.close();
    http.close();
    await once(http, "close");
  };
  return { url: `http://127.0.0.1:${port}`, port, clients, paths, end };
}
