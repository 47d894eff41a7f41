import { type ReactNode, useState } from "react";
import { useMay } from "../pages/campaign-context.js";

export interface NumbersProps {
  /** What the page is about, in numbers. */
  readonly stats: ReactNode;
  /** The form that takes the place of the buttons while somebody edits; `onDone` ends that. */
  readonly form: (onDone: () => void) => ReactNode;
  /** What players can do beside editing. */
  readonly actions?: ReactNode;
  /** At the end of the line below the numbers. */
  readonly note?: ReactNode;
}

/** The numbers of a page, and for those who may the way to change them. */
export function Numbers({ stats, form, actions, note }: NumbersProps) {
  const [isEditing, setEditing] = useState(false);
  const mayEdit = useMay("PLAYER");
  return (
    <section className="panel" aria-label="Numbers">
      <dl className="stats">{stats}</dl>
      {isEditing ? (
        form(() => setEditing(false))
      ) : (
        <div className="row panel-foot">
          {mayEdit ? (
            <div className="row">
              <button type="button" data-testid="edit" onClick={() => setEditing(true)}>
                Edit
              </button>
              {actions}
            </div>
          ) : (
            <span className="hint" data-testid="read-only">
              You watch. Players and above change things.
            </span>
          )}
          {note}
        </div>
      )}
    </section>
  );
}
