import { FanfareError } from "../errors.js";
import type { Code } from "../generated/protocol.js";
import type { FanfareOptions, TokenRequest } from "../options.js";
import { within } from "../timer.js";
import { claimsOf } from "../wire/jwt.js";

const FETCH_LIMIT_MS = 10_000;
/** A token that was fetched to learn whose it is may be used for a connection for so long. */
const SPARE_MS = 5_000;

/** Fetches tokens: one request at a time, however many ask. */
export class Tokens {
  readonly #getToken: FanfareOptions["getToken"];
  #pending: Promise<string> | null = null;
  #spare: { readonly token: string; readonly at: number } | null = null;
  /** How the server refused the last token; told to `getToken`, so that a cached one is not tried again. */
  refused: Code | undefined;
  /** The only user whose tokens are given out; null while it does not matter. */
  user: string | null = null;

  constructor(getToken: FanfareOptions["getToken"]) {
    this.#getToken = getToken;
  }

  /**
   * A token for now.
   * @throws FanfareError `token_unavailable`, `identity_changed`
   */
  get(reason: TokenRequest["reason"]): Promise<string> {
    const spare = this.#spare;
    this.#spare = null;
    if (reason === "connect" && spare && performance.now() - spare.at < SPARE_MS) {
      return Promise.resolve(spare.token);
    }
    this.#pending ??= this.#fetch(reason).finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /** Keeps a token that has just been fetched for the connection that follows. */
  keep(token: string): void {
    this.#spare = { token, at: performance.now() };
  }

  async #fetch(reason: TokenRequest["reason"]): Promise<string> {
    const request = this.refused === undefined ? { reason } : { reason, refused: this.refused };
    const late = () => unavailable(`getToken gave no token within ${FETCH_LIMIT_MS / 1000} seconds.`);
    // Later, and as a promise: a getToken that throws at once is treated like one that rejects, and one that
    // ends the client, because its user has signed out, finds everything in its place.
    const fetched = Promise.resolve().then<unknown>(() => this.#getToken(request));
    const token = await within(fetched, FETCH_LIMIT_MS, late).catch((error: unknown) => {
      throw error instanceof FanfareError
        ? error
        : unavailable("getToken failed: the user may have to sign in again.", error);
    });
    if (typeof token !== "string" || token === "") {
      throw unavailable("getToken returned no token: it must return a text.");
    }
    if (this.user !== null && claimsOf(token).sub !== this.user) {
      const message = "getToken returned another user's token: make a new client for each user.";
      throw new FanfareError("identity_changed", message);
    }
    return token;
  }
}

const unavailable = (message: string, cause?: unknown) =>
  new FanfareError("token_unavailable", message, { cause });
