import type { TokenRequest } from "@fanfare/client";
import { Cell } from "../store.js";
import { claimsOf } from "./claims.js";

/** Somebody who is signed in. */
export interface Session {
  readonly userId: string;
  readonly name: string;
  readonly token: string;
  /** Whether the development login made the token, and can make another. */
  readonly renewable: boolean;
}

/** A person of the demo world. */
export interface Person {
  readonly userId: string;
  readonly name: string;
}

/** Where the session is kept: of the tab alone, so that two tabs can be two people. */
type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

const KEY = "fanfare-session";
/** A token that ends sooner is not worth starting with. */
const SPARE_MS = 30_000;

/** Why signing in or renewing did not work, in a sentence for people. */
export class SignInError extends Error {
  override readonly name = "SignInError";
}

/** Who is signed in: begins and ends sessions, and gives out tokens that are good. */
export class Sessions {
  readonly current: Cell<Session | null>;
  /** Why the last session ended, when nobody asked for that. */
  readonly farewell = new Cell<string | null>(null);
  readonly #storage: Storage;
  readonly #fetch: typeof fetch;
  #renewal: Promise<string> | null = null;

  constructor(storage: Storage, fetchFunction: typeof fetch) {
    this.#storage = storage;
    this.#fetch = fetchFunction;
    this.current = new Cell(restored(storage));
  }

  /** Signs in by the development login. */
  async signInAs({ userId, name }: Person): Promise<void> {
    this.#begin({ userId, name, token: await this.#login({ userId, name }), renewable: true });
  }

  /** Signs in with a token that somebody else made. The server is asked whether it is good. */
  async signInWith(pasted: string): Promise<void> {
    const token = pasted.trim().replace(/^Bearer\s+/i, "");
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) {
      throw new SignInError("That is not a token: a token has three parts with dots between them.");
    }
    const response = await this.#post("/graphql", { query: "{ viewer { userId name } }" }, token);
    const answer = (await response.json().catch(() => ({}))) as {
      data?: { viewer?: { userId: string; name: string | null } };
      detail?: string;
    };
    const viewer = answer.data?.viewer;
    if (!viewer) {
      throw new SignInError(answer.detail ?? `The server answered ${response.status}.`);
    }
    this.#begin({ userId: viewer.userId, name: viewer.name ?? viewer.userId, token, renewable: false });
  }

  /** Ends the session; with a reason when that was not what the user asked for. */
  signOut(reason: string | null = null): void {
    this.#storage.removeItem(KEY);
    this.farewell.set(reason);
    this.current.set(null);
  }

  /**
   * A token for a connection or a request. A refused or spent one is replaced when that is possible;
   * otherwise the session is over.
   */
  readonly token = async ({ reason, refused }: TokenRequest): Promise<string> => {
    const session = this.current.getSnapshot();
    if (!session) {
      throw new SignInError("Nobody is signed in.");
    }
    const { expiresAt } = claimsOf(session.token);
    const isSpent = expiresAt !== null && expiresAt - Date.now() < SPARE_MS;
    if (session.renewable) {
      return refused !== undefined || isSpent || reason === "refresh" ? this.#renew(session) : session.token;
    }
    if (refused !== undefined || (expiresAt !== null && expiresAt <= Date.now())) {
      const why = "Your token is no longer accepted. Sign in with a new one.";
      this.signOut(why);
      throw new SignInError(why);
    }
    if (reason === "refresh") {
      throw new SignInError("This token cannot be renewed here.");
    }
    return session.token;
  };

  #begin(session: Session): void {
    this.#storage.setItem(KEY, JSON.stringify(session));
    this.farewell.set(null);
    this.current.set(session);
  }

  /** One renewal at a time, however many ask. */
  #renew(session: Session): Promise<string> {
    this.#renewal ??= this.#login(session)
      .then((token) => {
        if (this.current.getSnapshot()?.userId === session.userId) {
          this.#begin({ ...session, token });
        }
        return token;
      })
      .finally(() => {
        this.#renewal = null;
      });
    return this.#renewal;
  }

  async #login({ userId, name }: Person): Promise<string> {
    const response = await this.#post("/api/dev/login", { userId, name });
    const answer = (await response.json().catch(() => ({}))) as { token?: string; detail?: string };
    if (!answer.token) {
      throw new SignInError(
        response.status === 404
          ? "This server has no development login: sign in with a token."
          : (answer.detail ?? `The server answered ${response.status}.`),
      );
    }
    return answer.token;
  }

  async #post(path: string, body: object, token?: string): Promise<Response> {
    const headers = {
      "content-type": "application/json",
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    };
    try {
      return await this.#fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    } catch {
      throw new SignInError("The server cannot be reached.");
    }
  }
}

function restored(storage: Storage): Session | null {
  try {
    const session = JSON.parse(storage.getItem(KEY) ?? "null") as Session | null;
    return typeof session?.token === "string" && typeof session.userId === "string" ? session : null;
  } catch {
    return null;
  }
}
