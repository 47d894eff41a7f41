import type { Sessions } from "../session/session.js";

/**
 * A `fetch` that shows the user's token, and once shows another when the server refuses it. Without a session, or when
 * the token cannot be replaced, the session is over and the answer is the server's refusal.
 */
export function authorized(sessions: Sessions, fetchFunction: typeof fetch): typeof fetch {
  const send = async (input: RequestInfo | URL, init: RequestInit | undefined, token: string) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetchFunction(input, { ...init, headers });
  };
  return async (input, init) => {
    const response = await send(input, init, await sessions.token({ reason: "connect" }));
    if (response.status !== 401) {
      return response;
    }
    return send(input, init, await sessions.token({ reason: "connect", refused: "token_invalid" }));
  };
}
