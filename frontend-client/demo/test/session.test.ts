import { fakeToken } from "@fanfare/client/testing";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { authorized } from "../src/network/authorized.js";
import { offersOf } from "../src/session/server.js";
import { Sessions } from "../src/session/session.js";
import { MemoryStorage } from "./support.js";

const ADA = { userId: "ada", name: "Ada" };
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

let storage: MemoryStorage;
let logins: number;
let answer: (path: string, init: RequestInit | undefined) => Response;

const fetcher = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => answer(String(input), init));
const sessions = () => new Sessions(storage, fetcher as typeof fetch);
const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

beforeEach(() => {
  storage = new MemoryStorage();
  logins = 0;
  answer = (path) => {
    logins += Number(path === "/api/dev/login");
    return json({ token: fakeToken({ sub: "ada", exp: inSeconds(3600 + logins) }) });
  };
});

describe("a session", () => {
  it("begins with the development login and outlives a reload of the tab", async () => {
    const first = sessions();
    await first.signInAs(ADA);
    expect(first.current.getSnapshot()).toMatchObject({ ...ADA, renewable: true });
    expect(sessions().current.getSnapshot()).toEqual(first.current.getSnapshot());
    first.signOut();
    expect(first.current.getSnapshot()).toBeNull();
    expect(sessions().current.getSnapshot()).toBeNull();
  });

  it("begins anew when what was kept cannot be read", () => {
    for (const kept of ["{", "null", '{"token":5}', "[]"]) {
      storage.setItem("fanfare-session", kept);
      expect(sessions().current.getSnapshot()).toBeNull();
    }
  });

  it("says why signing in does not work", async () => {
    const here = sessions();
    answer = () => json({ detail: "No such route." }, 404);
    await expect(here.signInAs(ADA)).rejects.toThrow("This server has no development login");
    answer = () => json({ detail: "Too many requests." }, 429);
    await expect(here.signInAs(ADA)).rejects.toThrow("Too many requests.");
    answer = () => {
      throw new TypeError("network");
    };
    await expect(here.signInAs(ADA)).rejects.toThrow("The server cannot be reached.");
    expect(here.current.getSnapshot()).toBeNull();
  });

  it("takes a pasted token after the server has recognized it", async () => {
    const here = sessions();
    await expect(here.signInWith("not a token")).rejects.toThrow("three parts");
    answer = () => json({ code: "token_invalid", detail: "The token is not valid." }, 401);
    await expect(here.signInWith("a.b.c")).rejects.toThrow("The token is not valid.");
    answer = () => json({ data: { viewer: { userId: "cyd", name: null } } });
    await here.signInWith(" Bearer a.b.c\n");
    expect(here.current.getSnapshot()).toEqual({
      userId: "cyd",
      name: "cyd",
      token: "a.b.c",
      renewable: false,
    });
  });

  it("renews once, however many ask, when a token was refused, is spent or should be prolonged", async () => {
    const here = sessions();
    await here.signInAs(ADA);
    const first = await here.token({ reason: "connect" });
    expect([first, logins]).toEqual([here.current.getSnapshot()?.token, 1]);
    const [second, third] = await Promise.all([
      here.token({ reason: "connect", refused: "token_expired" }),
      here.token({ reason: "refresh" }),
    ]);
    expect([second === third, second === first, logins]).toEqual([true, false, 2]);
    storage.setItem(
      "fanfare-session",
      JSON.stringify({ ...ADA, token: fakeToken({ sub: "ada", exp: inSeconds(5) }), renewable: true }),
    );
    await sessions().token({ reason: "connect" });
    expect(logins).toBe(3);
  });

  it("ends with a word of explanation when a pasted token is refused", async () => {
    const here = sessions();
    answer = () => json({ data: { viewer: { userId: "cyd", name: "Cyd" } } });
    await here.signInWith("a.b.c");
    await expect(here.token({ reason: "refresh" })).rejects.toThrow("cannot be renewed");
    expect(here.current.getSnapshot()).not.toBeNull();
    await expect(here.token({ reason: "connect", refused: "token_expired" })).rejects.toThrow(
      "no longer accepted",
    );
    expect(here.current.getSnapshot()).toBeNull();
    expect(here.farewell.getSnapshot()).toMatch(/Sign in with a new one/);
  });
});

describe("requests", () => {
  it("show the token, and another one once when the server refuses it", async () => {
    const here = sessions();
    await here.signInAs(ADA);
    const shown: (string | null)[] = [];
    const guarded = vi.fn(async (_: RequestInfo | URL, init?: RequestInit) => {
      shown.push(new Headers(init?.headers).get("authorization"));
      return json({}, shown.length === 1 ? 401 : 200);
    });
    const response = await authorized(here, guarded as typeof fetch)("/graphql", {
      headers: { accept: "x" },
    });
    expect([response.status, shown.length, logins]).toEqual([200, 2, 2]);
    expect(new Set(shown).size).toBe(2);
    expect(guarded.mock.calls[1]?.[1]?.headers).toEqual(new Headers(guarded.mock.calls[1]?.[1]?.headers));
    expect(new Headers(guarded.mock.calls[1]?.[1]?.headers).get("accept")).toBe("x");
  });
});

describe("what the server offers", () => {
  it("stands in the page; absent is not offered", () => {
    const page = (values: Record<string, string>) =>
      offersOf({
        querySelector: (selector: string) => {
          const content = values[/fanfare-([\w-]+)/.exec(selector)?.[1] ?? ""];
          return content === undefined ? null : { content };
        },
      } as unknown as ParentNode);
    expect(page({ "dev-login": "on", graphiql: "off" })).toEqual({ devLogin: true, graphiql: false });
    expect(page({})).toEqual({ devLogin: false, graphiql: false });
  });
});
