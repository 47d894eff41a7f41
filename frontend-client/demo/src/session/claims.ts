/** What a token says about itself. Nothing here is trusted: only the server's word counts. */
export interface Claims {
  /** The user's id; null when the token cannot be read. */
  readonly userId: string | null;
  /** When it ends, in milliseconds since 1970; null when unknown. */
  readonly expiresAt: number | null;
}

/** Reads the payload of a JSON Web Token. */
export function claimsOf(token: string): Claims {
  try {
    const payload = token.split(".")[1] ?? "";
    const bytes = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const { sub, exp } = JSON.parse(bytes) as { sub?: unknown; exp?: unknown };
    return {
      userId: typeof sub === "string" ? sub : null,
      expiresAt: typeof exp === "number" ? exp * 1000 : null,
    };
  } catch {
    return { userId: null, expiresAt: null };
  }
}
