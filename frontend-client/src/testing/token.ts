/** A token that looks like a JWT and is signed by nobody: `fakeToken({ sub: "mira" })`. */
export function fakeToken(claims: { readonly sub: string; readonly exp?: number }): string {
  const part = (value: unknown) =>
    btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(value))))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  return `${part({ alg: "none" })}.${part(claims)}.`;
}
