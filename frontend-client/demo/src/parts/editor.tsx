import { type KeyboardEvent, type ReactNode, useState } from "react";
import { differences, type Fields, pick, type Versioned } from "../world/editing.js";
import { codeOf, fieldErrorsOf, sentenceOf } from "../world/errors.js";
import { Conflict } from "./conflict.js";
import { tell } from "./toasts.js";

/** What a form is given to draw its fields. */
export interface FormFields<T> {
  readonly draft: T;
  readonly set: <K extends keyof T>(field: K, value: T[K]) => void;
  readonly errors: Readonly<Record<string, string>>;
  /** What somebody else did to the field since editing began; null when nothing. */
  readonly theirs: (field: keyof T & string) => ReactNode;
}

export interface EditorProps<T extends Versioned> {
  /** What is edited, as it is now: it may change while it is edited. */
  readonly current: T;
  readonly fields: Fields<T>;
  readonly labelOf: (field: keyof T & string) => string;
  readonly show: (field: keyof T & string, value: unknown) => string;
  /** Saves these fields over exactly this version. It may show the result before the server has answered. */
  readonly save: (changes: Partial<T>, version: number) => Promise<void>;
  /** Reads what is there now from the server. */
  readonly reread: () => Promise<T | null>;
  readonly children: (form: FormFields<T>) => ReactNode;
  readonly onDone: () => void;
}

/** A conflict that the user has to decide. */
interface Open<T> {
  readonly theirs: T;
}

/**
 * A form over something that others may be editing, too. It remembers the version that editing began with; when
 * there is a newer one, the server refuses, and the user decides field by field what it is about.
 */
export function Editor<T extends Versioned>(props: EditorProps<T>) {
  const { current, fields, labelOf, show, save, reread, children, onDone } = props;
  const [before, setBefore] = useState(current);
  const [draft, setDraft] = useState(current);
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const [conflict, setConflict] = useState<Open<T> | null>(null);
  const mine = differences(fields, before, draft);

  const send = async (changes: Partial<T>, version: number) => {
    setBusy(true);
    setErrors({});
    try {
      await save(changes, version);
      tell("good", "Saved.");
      onDone();
    } catch (error) {
      if (codeOf(error) === "VERSION_CONFLICT") {
        const theirs = await reread().catch(() => null);
        if (theirs) {
          setConflict({ theirs });
        } else {
          tell("bad", "Somebody else has changed it, and it cannot be read now. Try again.");
        }
      } else {
        setErrors(fieldErrorsOf(error));
        tell("bad", sentenceOf(error));
      }
      setBusy(false);
    }
  };

  const begin = (state: T) => {
    setBefore(state);
    setDraft(state);
    setConflict(null);
  };

  /** Escape is easily pressed: what was typed is not thrown away without a question. */
  const leaveByKey = (event: KeyboardEvent) => {
    const isMeant = event.key === "Escape" && !event.nativeEvent.isComposing && !busy;
    if (isMeant && (mine.length === 0 || window.confirm("Leave without saving your changes?"))) {
      onDone();
    }
  };

  return (
    <>
      <form
        className="editor"
        data-testid="editor"
        onKeyDown={leaveByKey}
        onSubmit={(event) => {
          event.preventDefault();
          if (busy) {
            return;
          }
          if (mine.length === 0) {
            onDone();
          } else {
            void send(pick(draft, mine), before.version);
          }
        }}
      >
        <div className="fields">
          {children({
            draft,
            set: (field, value) => setDraft((last) => ({ ...last, [field]: value })),
            errors,
            theirs: (field) =>
              current[field] === before[field] || current[field] === draft[field] ? null : (
                <p className="theirs" role="status" data-testid={`theirs-${field}`}>
                  Meanwhile changed to <b>{show(field, current[field])}</b>
                </p>
              ),
          })}
        </div>
        <div className="row">
          {/* Not `disabled`: that would drop the focus, and a dialogue could not give it back. */}
          <button type="submit" className="primary" aria-disabled={busy} data-testid="save">
            {busy ? "Saving…" : "Save"}
          </button>
          <button type="button" onClick={onDone} data-testid="cancel">
            Cancel
          </button>
        </div>
      </form>
      {conflict && (
        <Conflict
          fields={fields}
          before={before}
          mine={draft}
          theirs={conflict.theirs}
          labelOf={labelOf}
          show={show}
          onMine={() => {
            setConflict(null);
            void send(pick(draft, mine), conflict.theirs.version);
          }}
          onTheirs={() => {
            begin(conflict.theirs);
            onDone();
          }}
          onDismiss={() => setConflict(null)}
        />
      )}
    </>
  );
}
