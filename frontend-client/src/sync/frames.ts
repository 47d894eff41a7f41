/** How long a frame may take to come before one does without it, in milliseconds: a hidden page has none. */
const PATIENCE_MS = 100;
/** A frame's length where there are none at all, in milliseconds. */
const FRAME_MS = 16;

/** Calls an action once in the next frame, however often it is asked to. */
export class Frames {
  readonly #action: () => void;
  #cancel: (() => void) | null = null;

  constructor(action: () => void) {
    this.#action = action;
  }

  request(): void {
    if (this.#cancel) {
      return;
    }
    const hasFrames = typeof requestAnimationFrame === "function";
    const run = () => {
      this.cancel();
      this.#action();
    };
    const frame = hasFrames ? requestAnimationFrame(run) : 0;
    const timer = setTimeout(run, hasFrames ? PATIENCE_MS : FRAME_MS);
    this.#cancel = () => {
      clearTimeout(timer);
      if (hasFrames) {
        cancelAnimationFrame(frame);
      }
    };
  }

  cancel(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
