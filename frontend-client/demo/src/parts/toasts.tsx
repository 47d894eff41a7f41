import { Cell, useValue } from "../store.js";

/** A short word on what happened. */
interface Toast {
  readonly id: number;
  readonly tone: "good" | "bad";
  readonly text: string;
}

/** How long a toast stays. Bad news stay longer. */
const STAY_MS = { good: 4_000, bad: 9_000 };

const toasts = new Cell<readonly Toast[]>([]);
let count = 0;

/** Tells the user something that needs no answer. */
export function tell(tone: Toast["tone"], text: string): void {
  count += 1;
  const toast = { id: count, tone, text };
  toasts.set([...toasts.getSnapshot().slice(-3), toast]);
  setTimeout(() => dismiss(toast.id), STAY_MS[tone]);
}

function dismiss(id: number): void {
  toasts.set(toasts.getSnapshot().filter((toast) => toast.id !== id));
}

/** Where toasts appear. Always there, because a screen reader reads only what changes in regions it knows. */
export function Toasts() {
  const shown = useValue(toasts);
  return (
    <div className="toasts" role="status" data-testid="toasts">
      {shown.map(({ id, tone, text }) => (
        <p key={id} className="toast" data-tone={tone}>
          {text}
          <button type="button" className="plain" onClick={() => dismiss(id)} aria-label="Dismiss">
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
