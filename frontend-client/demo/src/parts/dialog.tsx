import { type ReactNode, useId, useLayoutEffect, useRef } from "react";

export interface DialogProps {
  readonly title: string;
  readonly testId: string;
  /** Called when the user leaves it without a decision (Escape). */
  readonly onDismiss: () => void;
  readonly children: ReactNode;
}

/** A modal dialogue: the browser keeps the focus inside and gives it back afterwards. */
export function Dialog({ title, testId, onDismiss, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Before the browser paints, and on its end before the element is gone: else the focus would be lost.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // The dialogue itself, not its first button: nobody should decide by a key that was meant for the form.
    element?.focus();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      tabIndex={-1}
      className="dialog"
      aria-labelledby={heading}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onDismiss();
      }}
    >
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}
