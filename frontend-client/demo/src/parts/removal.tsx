import { useMay } from "../pages/campaign-context.js";
import { goTo } from "../routing/router.js";
import { sentenceOf } from "../world/errors.js";
import { tell } from "./toasts.js";

export interface RemovalProps {
  /** What the button says. */
  readonly label: string;
  /** What the user is asked first. */
  readonly question: string;
  /** What the user is told afterwards. */
  readonly done: string;
  readonly remove: () => Promise<unknown>;
  /** The page to show when it is gone. */
  readonly next: string;
}

/** The way to delete what the page is about, for those who may. */
export function Removal({ label, question, done, remove, next }: RemovalProps) {
  const mayDelete = useMay("GM");
  const act = async () => {
    if (window.confirm(question)) {
      try {
        await remove();
        goTo(next);
        tell("good", done);
      } catch (error) {
        tell("bad", sentenceOf(error));
      }
    }
  };
  return mayDelete ? (
    <p className="danger">
      <button type="button" className="plain" data-testid="delete" onClick={() => void act()}>
        {label}
      </button>
    </p>
  ) : null;
}
