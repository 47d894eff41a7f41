import { type ReactNode, useEffect, useRef, useState } from "react";
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
  const panel = useFollowingFocus(isEditing);
  return (
    <section ref={panel} className="panel" aria-label="Numbers">
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

/** Whoever uses the keyboard goes along: to the first field when the form opens, and back to the button that opened it. */
function useFollowingFocus(isEditing: boolean) {
  const panel = useRef<HTMLElement>(null);
  const wasEditing = useRef(isEditing);
  useEffect(() => {
    const hasTurned = wasEditing.current !== isEditing;
    wasEditing.current = isEditing;
    // What had the focus is gone; whoever has moved it elsewhere meanwhile keeps it.
    if (hasTurned && (isEditing || document.activeElement === document.body)) {
      const target = isEditing ? "form :is(input, select, textarea)" : "[data-testid=edit]";
      panel.current?.querySelector<HTMLElement>(target)?.focus();
    }
  }, [isEditing]);
  return panel;
}
