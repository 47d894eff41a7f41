import { lazy, Suspense } from "react";
import { Header } from "./parts/header.js";
import { Loading } from "./parts/loading.js";
import { offersOf } from "./session/server.js";
import { Sessions } from "./session/session.js";
import { SignIn } from "./session/sign-in.js";
import { useValue } from "./store.js";

const offers = offersOf(document);
const sessions = new Sessions(sessionStorage, (input, init) => fetch(input, init));

/** What only people who are signed in need is loaded when they are. */
const Workspace = lazy(() => import("./workspace.js"));

export function App() {
  const session = useValue(sessions.current);
  if (!session) {
    return <SignIn sessions={sessions} offers={offers} />;
  }
  const waiting = (
    <>
      <Header offers={offers} />
      <Loading what="the world" />
    </>
  );
  return (
    <Suspense fallback={waiting}>
      <Workspace key={session.userId} sessions={sessions} session={session} offers={offers} />
    </Suspense>
  );
}
