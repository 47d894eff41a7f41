import { afterEach, describe, expect, it, vi } from "vitest";
import { createFanfare, FanfareError } from "../src/index.js";
import { socketTransport } from "../src/transport/socket.js";
import type { Greeting, Link } from "../src/transport/transport.js";
import { type SocketScript, socketServer } from "./socket-server.js";

/** Server and client share a process, whose pauses are no mistake of either. */
const PATIENTLY = { timeout: 30_000 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup();
  }
});

async function serve(script: SocketScript = {}) {
  const server = await socketServer(script);
  cleanups.push(server.end);
  return server;
}

/** Opens a link and gives what becomes of it. */
function open(url: string, token = "a token") {
  const messages: unknown[] = [];
  const heard = vi.fn();
  let link: Link | undefined;
  let closed: (error: FanfareError) => void = () => {};
  const end = new Promise<FanfareError>((resolve) => (closed = resolve));
  const greeting = new Promise<Greeting>((resolve) => {
    link = socketTransport.open(url, token, {
      opened: resolve,
      message: (name, argument) => messages.push([name, argument]),
      heard,
      closed,
    });
    cleanups.push(() => link?.close());
  });
  return { link: link as unknown as Link, greeting, end, messages, heard };
}

describe("the socket transport", () => {
  it("sends the token in CONNECT, waits for the greeting and passes on what the server says", async () => {
    const server = await serve({
      welcome: {
        protocol: 1,
        connectionId: "c-1",
        userId: "mira",
        serverTime: new Date(Date.now() + 60_000).toISOString(),
        tokenExpiresAt: new Date(Date.now() + 120_000).toISOString(),
        reconnect: { minMs: 5, maxMs: 50, jitter: true, maxAttempts: 3 },
      },
    });
    const { greeting, messages } = open(server.url, "the token");
    const { connectionId, userId, tokenExpiresAt, policy, skewMs } = await greeting;
    expect([connectionId, userId, policy?.minMs]).toEqual(["c-1", "mira", 5]);
    expect(skewMs).toBeGreaterThan(50_000);
    expect(Math.abs((tokenExpiresAt ?? 0) - Date.now() - 60_000)).toBeLessThan(5000);
    expect(server.clients[0]?.auth).toEqual({ token: "the token" });
    expect(server.paths[0]).toMatch(/^\/socket\.io\/\?EIO=4&transport=websocket/);
    expect(server.paths[0]).not.toContain("token");
    server.clients[0]?.say("heads", { epoch: "e", rooms: {} });
    await vi.waitFor(() => expect(messages).toEqual([["heads", { epoch: "e", rooms: {} }]]), PATIENTLY);
  });

  it("finds a server that is not at the root of its address", async () => {
    const server = await serve();
    await open(`${server.url}/base`).greeting;
    expect(server.paths[0]).toMatch(/^\/base\/socket\.io\//);
  });

  it("gives acknowledgements, and says when there was none in time", async () => {
    const server = await serve({
      command: (name, payload) => (name === "echo" ? { success: true, payload } : undefined),
    });
    const { link, greeting, heard } = open(server.url);
    await greeting;
    await expect(link.request("echo", { a: 1 }, 30_000)).resolves.toEqual({
      success: true,
      payload: { a: 1 },
    });
    expect(heard).toHaveBeenCalled();
    await expect(link.request("silence", {}, 20)).rejects.toMatchObject({ code: "timeout" });
  });

  it("rejects what was not answered when the connection is lost, and says so once", async () => {
    const server = await serve();
    const { link, greeting, end } = open(server.url);
    await greeting;
    const answer = expect(link.request("silence", {}, 60_000)).rejects.toMatchObject({
      code: "connection_lost",
    });
    server.clients[0]?.socket.terminate();
    await answer;
    expect(await end).toMatchObject({ code: "connection_lost" });
    await expect(link.request("echo", {}, 1000)).rejects.toMatchObject({ code: "connection_lost" });
  });

  it.each(["token_expired", "token_missing", "connection_limit"])("knows the refusal %s", async (refusal) => {
    const server = await serve({ refusal: () => refusal });
    expect((await open(server.url).end).code).toBe(refusal);
  });

  it("takes everything else for a server that cannot be reached", async () => {
    const server = await serve({ refusal: () => "the cat sat on the cable" });
    expect((await open(server.url).end).code).toBe("connection_lost");
    const { url } = server;
    await server.end();
    cleanups.splice(0);
    expect((await open(url).end).code).toBe("connection_lost");
  });

  it.each([{ protocol: 2 }, { hello: "world" }, "hello"])("refuses another protocol: %j", async (welcome) => {
    const server = await serve({ welcome: welcome as object });
    const error = await open(server.url).end;
    expect(error).toBeInstanceOf(FanfareError);
    expect(error.code).toBe("protocol_mismatch");
  });

  it("takes the server's pings for signs of life", async () => {
    const server = await serve({ pingIntervalMs: 10 });
    const { greeting, heard } = open(server.url);
    await greeting;
    await vi.waitFor(() => expect(heard.mock.calls.length).toBeGreaterThan(2), PATIENTLY);
  });

  it("closes the socket when it is closed, and reports nothing more", async () => {
    const server = await serve();
    const { link, greeting, end } = open(server.url);
    await greeting;
    const gone = new Promise((resolve) => server.clients[0]?.socket.on("close", resolve));
    link.close();
    await gone;
    await expect(Promise.race([end, Promise.resolve("nothing")])).resolves.toBe("nothing");
  });
});

// req: T26 D11
it("is back with what it missed after its socket was killed", async () => {
  const room = "campaign:1";
  const event = (offset: number) => ({
    v: 1,
    id: `e${offset}`,
    type: "world_time_changed",
    timestamp: "2026-11-20T10:00:00.000Z",
    epoch: "e",
    offsets: { [room]: offset },
    payload: {},
    metadata: {},
  });
  const server = await serve({
    welcome: { protocol: 1, reconnect: { minMs: 1, maxMs: 10, jitter: true, maxAttempts: 10 } },
    command: (name, payload) => {
      const [wish] = (payload as { rooms?: { position?: { offset: number } }[] }).rooms ?? [];
      const recovered = wish?.position !== undefined;
      const answer = { success: true, room, epoch: "e", offset: recovered ? 2 : 1, recovered };
      const results = [{ ...answer, events: recovered ? [event(2)] : [] }];
      return name === "subscribe_many" ? { success: true, results } : { success: true };
    },
  });
  const fanfare = createFanfare({
    url: server.url,
    getToken: () => "token",
    transport: "socket",
    onError: () => {},
  });
  cleanups.push(fanfare.close);
  const seen: string[] = [];
  await fanfare.subscribe(room, { onWorldTimeChanged: ({ id }) => seen.push(id) }).ready;
  server.clients[0]?.socket.terminate();
  await vi.waitFor(() => expect(seen).toEqual(["e2"]), PATIENTLY);
  expect(server.clients).toHaveLength(2);
});
