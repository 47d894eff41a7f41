/** What the server that this page comes from offers. */
export interface Offers {
  /** Anybody may sign in as anybody: `POST /api/dev/login` exists. */
  readonly devLogin: boolean;
  /** `/graphql` is a page, too. */
  readonly graphiql: boolean;
}

/** The server writes its offers into the page, so that nothing has to be asked before the first paint. */
export function offersOf(page: ParentNode): Offers {
  const isOn = (name: string) =>
    page.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content === "on";
  return { devLogin: isOn("fanfare-dev-login"), graphiql: isOn("fanfare-graphiql") };
}
