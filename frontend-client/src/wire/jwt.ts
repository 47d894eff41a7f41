/** What a client may read of its own token. It proves nothing: only the server checks signatures. */
export interface Claims {
  readonly sub: string | null;
  /** Seconds since 1970 by the issuer's clock. */
  readonly exp: number | null;
}

/** The claims of a JWT; nulls for a token that is none. */
export function claimsOf(token: string): Claims {
  try {
    const part = token.split(".")[1] ?? "";
    const bytes = Uint8Array.from(atob(part.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const { sub, exp } = (claims ?? {}) as Record<string, unknown>;
    return { sub: typeof sub === "string" ? sub : null, exp: typeof exp === "number" ? exp : null };
  } catch {
    return { sub: null, exp: null };
  }
}
