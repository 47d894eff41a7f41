// Tokens, good and bad. Made here and not by the server, so that nothing of the server vouches for itself.
import { createHmac } from "node:crypto";
import { SECRET } from "./server.js";

const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** The claims of a good token of the user's that lasts `ttl` seconds. */
export function claims(user, ttl = 3600) {
    const now = Math.floor(Date.now() / 1000);
    return { sub: user, iss: "fanfare", aud: "fanfare", iat: now, exp: now + ttl };
}

/** Signs claims with a secret, by default the server's. */
export function sign(body, { secret = SECRET, header = { alg: "HS256", typ: "JWT" } } = {}) {
    const text = `${encode(header)}.${encode(body)}`;
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** A good token of the user's. */
export const token = (user, ttl) => sign(claims(user, ttl));
