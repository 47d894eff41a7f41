import { disputes, type Fields } from "../world/editing.js";
import { Dialog } from "./dialog.js";

export interface ConflictProps<T> {
  readonly fields: Fields<T>;
  /** When editing began. */
  readonly before: T;
  readonly mine: T;
  /** What the server has now. */
  readonly theirs: T;
  readonly labelOf: (field: keyof T & string) => string;
  readonly show: (field: keyof T & string, value: unknown) => string;
  readonly onMine: () => void;
  readonly onTheirs: () => void;
  readonly onDismiss: () => void;
}

const UNCHANGED = <span className="hint">not changed</span>;

/** Two people edited the same thing: shows what each did, and lets this one decide. */
export function Conflict<T>(props: ConflictProps<T>) {
  const { fields, before, mine, theirs, labelOf, show, onMine, onTheirs, onDismiss } = props;
  const disputed = disputes(fields, before, mine, theirs);
  const isContested = disputed.some((dispute) => dispute.isContested);
  return (
    <Dialog title="Somebody else was faster" testId="conflict" onDismiss={onDismiss}>
      <p>
        {isContested
          ? "You both changed the same thing. Nothing of yours has been saved yet."
          : "They changed something else than you did, so both can stay. Nothing of yours has been saved yet."}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">Theirs</th>
            <th scope="col">Yours</th>
          </tr>
        </thead>
        <tbody>
          {disputed.map(({ field, isContested: both }) => (
            <tr key={field} data-contested={both} data-testid={`conflict-${field}`}>
              <th scope="row">{labelOf(field)}</th>
              <td>{show(field, before[field])}</td>
              <td>{theirs[field] === before[field] ? UNCHANGED : show(field, theirs[field])}</td>
              <td>{mine[field] === before[field] ? UNCHANGED : show(field, mine[field])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="row">
        <button type="button" className="primary" onClick={onMine} data-testid="conflict-mine">
          {isContested ? "Save mine over theirs" : "Keep both"}
        </button>
        <button type="button" onClick={onTheirs} data-testid="conflict-theirs">
          Take theirs
        </button>
        <button type="button" onClick={onDismiss} data-testid="conflict-edit">
          Go on editing
        </button>
      </div>
    </Dialog>
  );
}
