import { type FormEvent, useState } from "react";
import { TextField } from "../parts/field.js";
import { Header } from "../parts/header.js";
import { usePage } from "../routing/router.js";
import { useValue } from "../store.js";
import type { Offers } from "./server.js";
import type { Person, Sessions } from "./session.js";

/** The people of the demo world. */
const PEOPLE: readonly (Person & { readonly about: string })[] = [
  { userId: "ada", name: "Ada", about: "Owns the Shattered Coast and runs the Northern Marches." },
  { userId: "ben", name: "Ben", about: "Owns the Northern Marches and runs the Shattered Coast." },
  { userId: "cyd", name: "Cyd", about: "Plays on the Shattered Coast." },
  { userId: "dan", name: "Dan", about: "Watches the Coast and plays in the Marches." },
];

export interface SignInProps {
  readonly sessions: Sessions;
  readonly offers: Offers;
}

/** The page of those who are not signed in. */
export function SignIn({ sessions, offers }: SignInProps) {
  const heading = usePage<HTMLHeadingElement>("");
  const farewell = useValue(sessions.farewell);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const attempt = async (signIn: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await signIn();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "That did not work.");
      setBusy(false);
    }
  };
  const told = problem ?? farewell;
  return (
    <>
      <Header offers={offers} />
      <main id="main" className="welcome">
        <section className="welcome-words">
          <h1 ref={heading} tabIndex={-1}>
            One world, true on every screen.
          </h1>
          <p className="lead">
            Sign in here as one person and in a second window as another. What one of them changes, the other
            sees within milliseconds, in order, even after the line was cut.
          </p>
        </section>
        <section className="welcome-ways" aria-label="Sign in">
          <div role="alert" data-testid="sign-in-problem">
            {told !== null && <p className="notice">{told}</p>}
          </div>
          {offers.devLogin && (
            <ul className="people">
              {PEOPLE.map((person) => (
                <li key={person.userId}>
                  <button
                    type="button"
                    className="person"
                    disabled={busy}
                    data-testid={`sign-in-${person.userId}`}
                    onClick={() => attempt(() => sessions.signInAs(person))}
                  >
                    <span className="face" aria-hidden="true">
                      {person.name.charAt(0)}
                    </span>
                    <strong>{person.name}</strong>
                    <span>{person.about}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
          <WithToken
            isOpen={!offers.devLogin}
            busy={busy}
            onToken={(token) => attempt(() => sessions.signInWith(token))}
          />
        </section>
        <dl className="facts">
          <div>
            <dt>Committed first</dt>
            <dd>A change and its event are one database transaction. What a screen shows has happened.</dd>
          </div>
          <div>
            <dt>In order</dt>
            <dd>Every event has a place in its room's log, the same one for everybody.</dd>
          </div>
          <div>
            <dt>Nothing missed</dt>
            <dd>
              Who comes back says how far they got and receives exactly the rest, or reads everything again.
            </dd>
          </div>
        </dl>
      </main>
    </>
  );
}

interface WithTokenProps {
  /** Whether it is the only way. */
  readonly isOpen: boolean;
  readonly busy: boolean;
  readonly onToken: (token: string) => void;
}

function WithToken({ isOpen, busy, onToken }: WithTokenProps) {
  const [token, setToken] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onToken(token);
  };
  const form = (
    <form className="token-form" onSubmit={submit}>
      <TextField
        label="Token"
        name="token"
        value={token}
        onChange={setToken}
        autoComplete="off"
        spellCheck={false}
        required
        placeholder="eyJ…"
        data-testid="token"
        hint={
          <p className="hint">
            Whoever runs this server makes one with <code>fanfare token --sub ada --name Ada</code>, or its
            identity provider does.
          </p>
        }
      />
      <button type="submit" className="primary" disabled={busy} data-testid="sign-in-token">
        Sign in
      </button>
    </form>
  );
  return isOpen ? (
    <>
      <h2>Sign in with a token</h2>
      <p className="lead">This server gives no tokens to strangers, so bring one.</p>
      {form}
    </>
  ) : (
    <details className="more">
      <summary>Use a token of your own</summary>
      {form}
    </details>
  );
}
